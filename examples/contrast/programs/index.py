# SPDX-License-Identifier: MIT
# index.py: what python3 runs for its trace: an index of words, and a tree.
import re, collections
text = " ".join("the quick brown fox number %d jumps over lazy dog %d" % (i % 97, i % 31) for i in range(300))
index = collections.defaultdict(list)
for position, word in enumerate(re.findall(r"\w+", text)):
    index[word].append(position)
class Node:
    def __init__(self, key): self.key, self.left, self.right = key, None, None
def insert(node, key):
    if node is None: return Node(key)
    if key < node.key: node.left = insert(node.left, key)
    else: node.right = insert(node.right, key)
    return node
root = None
for word in sorted(index, key=lambda w: hash(len(w)) ^ len(index[w])): root = insert(root, word)
print(len(index))
