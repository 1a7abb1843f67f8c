//! Bytes laid out for reading.

/// Bytes as `offset  hex  characters`, sixteen a line, the lines from `first` on.
#[must_use]
pub fn hex_lines(bytes: &[u8], first: usize, lines: usize) -> Vec<String> {
    const WIDTH: usize = 16;
    bytes
        .chunks(WIDTH)
        .enumerate()
        .skip(first)
        .take(lines)
        .map(|(line, chunk)| {
            let mut hex = String::with_capacity(3 * WIDTH + 1);
            for (at, byte) in chunk.iter().enumerate() {
                hex.push_str(if at == WIDTH / 2 { "  " } else { " " });
                hex.push_str(&format!("{byte:02x}"));
            }
            let characters: String =
                chunk.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '·' }).collect();
            format!("{:08x} {hex:<49}  {characters}", line * WIDTH)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_shows_offset_bytes_and_characters() {
        let lines = hex_lines(b"\x89PNG\r\n\x1a\n0123456789", 0, 10);
        assert_eq!(lines[0], "00000000  89 50 4e 47 0d 0a 1a 0a  30 31 32 33 34 35 36 37  ·PNG····01234567");
        assert_eq!(lines[1], "00000010  38 39                                             89");
        assert_eq!(hex_lines(&[0; 100], 2, 3).len(), 3);
    }
}
