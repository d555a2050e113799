/* SPDX-License-Identifier: MIT */
/*
 * registers.S: functions that have the only copy of an address in one
 * register, or in the red zone below the stack pointer.
 */
	.text

	.macro save reg
	push	%\reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \reg, 0
	.endm

	.macro restore reg
	pop	%\reg
	.cfi_adjust_cfa_offset -8
	.cfi_restore \reg
	.endm

	.macro save_all
	save	rbp
	save	rbx
	save	r12
	save	r13
	save	r14
	save	r15
	sub	$24, %rsp
	.cfi_adjust_cfa_offset 24
	.endm

	.macro restore_all
	add	$24, %rsp
	.cfi_adjust_cfa_offset -24
	restore	r15
	restore	r14
	restore	r13
	restore	r12
	restore	rbx
	restore	rbp
	.endm

	.macro begin name
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	.endm

	.macro end name
	ret
	.cfi_endproc
	.size	\name, . - \name
	.endm

/*
 * live_hold_REG(hidden, keep, collect, judge, trial): see places.c.  collect
 * is called straight from here, so that nothing else has saved the register.
 */
	.macro hold reg
begin live_hold_\reg
	save_all
	mov	%rdx, 0(%rsp)
	mov	%rcx, 8(%rsp)
	mov	%r8, 16(%rsp)
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	mov	%rdi, %\reg
	not	%\reg
	and	%rsi, %\reg
	call	*0(%rsp)
	call	*0(%rsp)
	call	*0(%rsp)
	mov	16(%rsp), %rdi
	call	*8(%rsp)
	restore_all
end live_hold_\reg
	.endm

	hold	rbx
	hold	rbp
	hold	r12
	hold	r13
	hold	r14
	hold	r15

/*
 * live_spin_PLACE(hidden, keep, int *flag): reveal the address in PLACE, set
 * *flag to 1 and spin until it is 2.  Nothing is called.
 */
	.macro spin_begin name
begin live_spin_\name
	save_all
	mov	%rdx, 0(%rsp)
	not	%rdi
	and	%rsi, %rdi
	.endm

/* The flag's address goes to a register that the case does not use. */
	.macro spin_end name, flag
	mov	0(%rsp), %\flag
	movl	$1, (%\flag)
1:	pause
	cmpl	$2, (%\flag)
	jne	1b
	restore_all
end live_spin_\name
	.endm

	.macro spin_general reg, flag
	spin_begin \reg
	.ifnc \reg, rdi
	mov	%rdi, %\reg
	xor	%edi, %edi
	.endif
	spin_end \reg, \flag
	.endm

	spin_general rax, rcx
	spin_general rbx, rcx
	spin_general rcx, rax
	spin_general rdx, rax
	spin_general rsi, rax
	spin_general rdi, rax
	spin_general rbp, rax
	spin_general r8, rax
	spin_general r9, rax
	spin_general r10, rax
	spin_general r11, rax
	spin_general r12, rax
	spin_general r13, rax
	spin_general r14, rax
	spin_general r15, rax

	.macro spin_vector reg
	spin_begin \reg
	movq	%rdi, %\reg
	xor	%edi, %edi
	spin_end \reg, rax
	.endm

	spin_vector xmm0
	spin_vector xmm7
	spin_vector xmm15

/* The upper half of xmm3, and the upper half of ymm9. */
	spin_begin xmm3_high
	movq	%rdi, %xmm3
	pslldq	$8, %xmm3
	xor	%edi, %edi
	spin_end xmm3_high, rax

	spin_begin ymm9_high
	vmovq	%rdi, %xmm1
	vpxor	%xmm9, %xmm9, %xmm9
	vinsertf128 $1, %xmm1, %ymm9, %ymm9
	vpxor	%xmm1, %xmm1, %xmm1
	xor	%edi, %edi
	spin_end ymm9_high, rax

	.macro spin_red_zone name, offset
	spin_begin \name
	mov	%rdi, \offset(%rsp)
	xor	%edi, %edi
	spin_end \name, rax
	.endm

	spin_red_zone red_zone_near, -8
	spin_red_zone red_zone_far, -128

	.section .note.GNU-stack, "", @progbits
