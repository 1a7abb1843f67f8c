//! Which words of a line differ from its counterpart's.

use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::ops::Range;

/// Longer lines are not compared word by word, because each shown row repeats the comparison.
const MAX_LINE_BYTES: usize = 512;

/// The bytes of `line` that `other` has not, where the two are much alike; else none, for all of it would be marked.
pub(super) fn differing(line: &[u8], other: &[u8]) -> Vec<Range<usize>> {
    if line.len().max(other.len()) > MAX_LINE_BYTES {
        return Vec::new();
    }
    let (words, others) = (words(line), words(other));
    let mut differing: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    let mut common = 0;
    for operation in capture_diff_slices(Algorithm::Myers, &others, &words) {
        let length: usize = words[operation.new_range()].iter().map(|word| word.len()).sum();
        if matches!(operation, DiffOp::Equal { .. }) {
            common += length;
        } else if length > 0 {
            differing.push(at..at + length);
        }
        at += length;
    }
    if 3 * common >= line.len().max(other.len()) { differing } else { Vec::new() }
}

/// Letters and digits that stand together, blanks that do, and each other character.
fn words(line: &[u8]) -> Vec<&[u8]> {
    let kind = |byte: &u8| match byte {
        b' ' | b'\t' => 1,
        byte if byte.is_ascii_alphanumeric() || !byte.is_ascii() => 2,
        _ => 0,
    };
    line.chunk_by(|one, next| kind(one) != 0 && kind(one) == kind(next)).collect()
}
