# SPDX-License-Identifier: MIT
# words.pl: what perl runs for its trace: a tree of words and where they are.
package Tree;
sub new { my ($class, $key) = @_; return bless { key => $key, count => 1, left => undef, right => undef, seen => [] }, $class }
sub add { my ($self, $key, $where) = @_;
  if ($key eq $self->{key}) { $self->{count}++; push @{$self->{seen}}, $where; return }
  my $side = $key lt $self->{key} ? 'left' : 'right';
  if ($self->{$side}) { $self->{$side}->add($key, $where) } else { $self->{$side} = Tree->new($key) } }
sub walk { my ($self, $visit) = @_; $_ && $_->walk($visit) for $self->{left}; $visit->($self); $_ && $_->walk($visit) for $self->{right} }
package main;
my $tree;
for my $i (1..500) {
  my $line = join " ", map { my $n = ($i * 7 + $_ * $_ * 13) % 311; "word" . chr(97 + $n % 26) x (1 + $n % 9) . $n } 1..7;
  for my $w (split / /, $line) { if ($tree) { $tree->add($w, "$i:" . length $line) } else { $tree = Tree->new($w) } } }
my %by;
$tree->walk(sub { my $n = shift; push @{$by{$n->{count}}}, sprintf "%s at %s", $n->{key}, join ",", @{$n->{seen}} });
for my $n (sort { $b <=> $a } keys %by) { my $s = join ";", sort @{$by{$n}}; $s =~ s/word(\w+?)(\d+)/\U$1\E=$2/g; print length $s, "\n" }
