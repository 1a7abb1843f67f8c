//! The part of protobuf's wire format that aggregated records need. It reads the fields of any message as slices, and writes two
//! kinds of fields. Source: protobuf encoding guide.

/// The fields of a message, in order. `None` is a field that cannot be read; it is the last one.
pub(super) struct WireFields<'m> {
    rest: &'m [u8],
}

/// A field of a message.
pub(super) struct WireField<'m> {
    number: u64,
    value: WireValue<'m>,
}

enum WireValue<'m> {
    Number(u64),
    Bytes(&'m [u8]),
    Fixed,
}

/// The highest field number. Source: protobuf language guide, assigning field numbers.
const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

/// Bits of a tag that hold the wire type.
const WIRE_TYPE_BITS: u32 = 3;

/// Wire types. The two for groups are missing, because protobuf deprecated groups long ago. They are refused like unknown types.
const VARINT: u64 = 0;
const FIXED_64_BIT: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const FIXED_32_BIT: u64 = 5;

impl<'m> WireFields<'m> {
    pub(super) fn of(message: &'m [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Option<WireField<'m>> {
        let tag = self.varint()?;
        let number = tag >> WIRE_TYPE_BITS;
        if number == 0 || number > MAX_FIELD_NUMBER {
            return None;
        }
        let value = match tag & ((1 << WIRE_TYPE_BITS) - 1) {
            VARINT => WireValue::Number(self.varint()?),
            LENGTH_DELIMITED => {
                let length = self.varint()?;
                WireValue::Bytes(self.bytes(usize::try_from(length).ok()?)?)
            }
            FIXED_64_BIT => self.bytes(size_of::<u64>()).map(|_| WireValue::Fixed)?,
            FIXED_32_BIT => self.bytes(size_of::<u32>()).map(|_| WireValue::Fixed)?,
            _ => return None,
        };
        Some(WireField { number, value })
    }

    fn bytes(&mut self, length: usize) -> Option<&'m [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    /// Seven bits a byte, the lowest first. Padding is allowed, more than 64 bits are not.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

impl<'m> Iterator for WireFields<'m> {
    type Item = Option<WireField<'m>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'m> WireField<'m> {
    /// The value, if this is the field `number` and a number. A field of another wire type is unknown, and is skipped.
    pub(super) fn number_of(&self, number: u64) -> Option<u64> {
        match self.value {
            WireValue::Number(value) if self.number == number => Some(value),
            _ => None,
        }
    }

    /// The value, if this is the field `number` and text, bytes or a message. A field of another wire type is unknown.
    pub(super) fn bytes_of(&self, number: u64) -> Option<&'m [u8]> {
        match self.value {
            WireValue::Bytes(value) if self.number == number => Some(value),
            _ => None,
        }
    }
}

pub(super) fn write_number(message: &mut Vec<u8>, field: u64, number: u64) {
    write_varint(message, field << WIRE_TYPE_BITS | VARINT);
    write_varint(message, number);
}

pub(super) fn write_bytes(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    write_varint(message, field << WIRE_TYPE_BITS | LENGTH_DELIMITED);
    write_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn write_varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}
