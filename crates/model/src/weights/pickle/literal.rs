//! The machine's instructions that carry their value with them: numbers, text and bytes.

use std::io::Read;

use super::Input;
use super::machine::Machine;
use super::value::{Node, Value};

impl Machine<'_> {
    pub(super) fn integer<R: Read>(&mut self, instruction: u8, input: &mut Input<R>) -> Result<(), String> {
        let number = match instruction {
            b'K' => i64::from(input.byte()?),                      // BININT1
            b'M' => i64::from(u16::from_le_bytes(input.array()?)), // BININT2
            b'J' => i64::from(i32::from_le_bytes(input.array()?)), // BININT
            b'I' | b'L' => return self.decimal(&input.line()?),    // INT, LONG
            0x8a => {
                let length = u64::from(input.byte()?); // LONG1
                return self.long(input.bytes(length)?);
            }
            _ => {
                let length = u64::from(u32::from_le_bytes(input.array()?)); // LONG4
                return self.long(input.bytes(length)?);
            }
        };
        self.push(Value::Int(number))
    }

    /// Protocol 0's text form, where `01` and `00` are True and False.
    fn decimal(&mut self, line: &str) -> Result<(), String> {
        match line {
            "01" => self.push(Value::Bool(true)),
            "00" => self.push(Value::Bool(false)),
            _ => match line.trim_end_matches('L').parse() {
                Ok(number) => self.push(Value::Int(number)),
                Err(_) => self.push_node(Node::Bytes(line.as_bytes().to_vec())),
            },
        }
    }

    fn long(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        let Some(low) = wide.get_mut(..bytes.len()) else {
            return self.push_node(Node::Bytes(bytes));
        };
        low.copy_from_slice(&bytes);
        self.push(Value::Int(i64::from_le_bytes(wide)))
    }

    pub(super) fn string<R: Read>(&mut self, instruction: u8, input: &mut Input<R>) -> Result<(), String> {
        let text = match instruction {
            b'S' => input.line()?.trim_matches(|quote| quote == '\'' || quote == '"').to_owned(), // STRING
            b'V' => input.line()?,                                                                // UNICODE
            b'U' | 0x8c => {
                let length = u64::from(input.byte()?); // SHORT_BINSTRING, SHORT_BINUNICODE
                return self.text_or_bytes(input.bytes(length)?);
            }
            0x8d => {
                let length = u64::from_le_bytes(input.array()?); // BINUNICODE8
                input.text(length)?
            }
            _ => {
                let length = u64::from(u32::from_le_bytes(input.array()?)); // BINUNICODE, BINSTRING
                return self.text_or_bytes(input.bytes(length)?);
            }
        };
        self.push_node(Node::Text(text))
    }

    /// Python 2's strings may hold any bytes.
    fn text_or_bytes(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        let node = String::from_utf8(bytes).map_or_else(|error| Node::Bytes(error.into_bytes()), Node::Text);
        self.push_node(node)
    }

    pub(super) fn raw_bytes<R: Read>(&mut self, instruction: u8, input: &mut Input<R>) -> Result<(), String> {
        let length = match instruction {
            b'C' => u64::from(input.byte()?),                      // SHORT_BINBYTES
            b'B' => u64::from(u32::from_le_bytes(input.array()?)), // BINBYTES
            _ => u64::from_le_bytes(input.array()?),               // BINBYTES8, BYTEARRAY8
        };
        let bytes = input.bytes(length)?;
        self.push_node(Node::Bytes(bytes))
    }
}
