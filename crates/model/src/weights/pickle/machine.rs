//! The stack machine: pickle protocols 0 to 5, without a single side effect.
//!
//! The instructions are those of Python's `pickletools`; names and meanings are taken from its documentation.

use std::collections::HashMap;
use std::io::Read;

use super::reduce::{build, call, global, persistent};
use super::value::{Arena, Node, Value};
use super::{Input, MAX_STACK};

/// Runs one pickle up to its STOP and returns the value it left; the error is a reason for a person.
pub(in crate::weights) fn load<R: Read>(input: &mut Input<R>, arena: &mut Arena) -> Result<Value, String> {
    let mut machine = Machine { arena, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        let instruction = input.byte()?;
        if instruction == b'.' {
            return machine.pop();
        }
        machine.step(instruction, input)?;
    }
}

pub(super) struct Machine<'a> {
    arena: &'a mut Arena,
    stack: Vec<Value>,
    /// Heights of the stack at the open MARKs.
    marks: Vec<usize>,
    memo: HashMap<u64, Value>,
}

impl Machine<'_> {
    fn step<R: Read>(&mut self, instruction: u8, input: &mut Input<R>) -> Result<(), String> {
        match instruction {
            0x80 => input.byte().map(drop),        // PROTO
            0x95 => input.array::<8>().map(drop),  // FRAME
            b'(' => self.mark(),                   // MARK
            b'0' => self.discard(),                // POP
            b'1' => self.pop_mark().map(drop),     // POP_MARK
            b'2' => self.duplicate(),              // DUP
            b'N' => self.push(Value::None),        // NONE
            0x88 => self.push(Value::Bool(true)),  // NEWTRUE
            0x89 => self.push(Value::Bool(false)), // NEWFALSE
            b'I' | b'L' | b'K' | b'M' | b'J' | 0x8a | 0x8b => self.integer(instruction, input),
            b'F' => input.line().and_then(|_| self.push(Value::Float)), // FLOAT
            b'G' => input.array::<8>().and_then(|_| self.push(Value::Float)), // BINFLOAT
            b'S' | b'V' | b'X' | 0x8c | 0x8d | b'U' | b'T' => self.string(instruction, input),
            b'C' | b'B' | 0x8e | 0x96 => self.raw_bytes(instruction, input),
            b')' | b't' | 0x85 | 0x86 | 0x87 => self.tuple(instruction),
            b']' | b'l' | 0x8f | 0x91 | b'a' | b'e' | 0x90 => self.list(instruction),
            b'}' | b'd' | b's' | b'u' => self.dict(instruction),
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.memo(instruction, input),
            b'P' | b'Q' => self.persistent(instruction),
            b'c' | 0x93 | b'i' | b'o' | b'R' | 0x81 | 0x92 | b'b' => self.object(instruction, input),
            _ => Err(format!("its pickle has an unknown instruction {instruction:#04x}; the file is damaged")),
        }
    }

    fn tuple(&mut self, instruction: u8) -> Result<(), String> {
        let members = match instruction {
            b')' => Vec::new(),        // EMPTY_TUPLE
            b't' => self.pop_mark()?,  // TUPLE
            0x85 => self.pop_many(1)?, // TUPLE1
            0x86 => self.pop_many(2)?, // TUPLE2
            _ => self.pop_many(3)?,    // TUPLE3
        };
        self.push_node(Node::Tuple(members))
    }

    /// Lists and sets; a set is read as a list, because nothing in a table of weights is one.
    fn list(&mut self, instruction: u8) -> Result<(), String> {
        let more = match instruction {
            b']' | 0x8f => return self.push_node(Node::List(Vec::new())), // EMPTY_LIST, EMPTY_SET
            b'l' | 0x91 => {
                let members = self.pop_mark()?; // LIST, FROZENSET
                return self.push_node(Node::List(members));
            }
            b'a' => self.pop_many(1)?, // APPEND
            _ => self.pop_mark()?,     // APPENDS, ADDITEMS
        };
        let target = self.top()?;
        if let Some(Node::List(members)) = self.arena.node_mut(target) {
            members.extend(more);
        }
        Ok(())
    }

    fn dict(&mut self, instruction: u8) -> Result<(), String> {
        let items = match instruction {
            b'}' => return self.push_node(Node::Dict(Vec::new())), // EMPTY_DICT
            b'd' => {
                let items = pairs(&self.pop_mark()?)?; // DICT
                return self.push_node(Node::Dict(items));
            }
            b's' => self.pop_many(2)?, // SETITEM
            _ => self.pop_mark()?,     // SETITEMS
        };
        let target = self.top()?;
        let items = pairs(&items)?;
        if let Some(Node::Dict(entries)) = self.arena.node_mut(target) {
            entries.extend(items);
        }
        Ok(())
    }

    fn memo<R: Read>(&mut self, instruction: u8, input: &mut Input<R>) -> Result<(), String> {
        let index = match instruction {
            b'p' | b'g' => input.line()?.parse().map_err(|_| "its pickle has a damaged memo index".to_owned())?,
            b'q' | b'h' => u64::from(input.byte()?),
            b'r' | b'j' => u64::from(u32::from_le_bytes(input.array()?)),
            _ => self.memo.len() as u64, // MEMOIZE
        };
        if matches!(instruction, b'g' | b'h' | b'j') {
            let value = self.memo.get(&index).copied();
            return self.push(value.ok_or_else(|| format!("its pickle refers to an unknown memo entry {index}"))?);
        }
        if self.memo.len() >= MAX_STACK {
            return Err(format!("its pickle remembers more than {MAX_STACK} values"));
        }
        let value = self.top()?;
        self.memo.insert(index, value);
        Ok(())
    }

    fn persistent(&mut self, instruction: u8) -> Result<(), String> {
        if instruction == b'P' {
            return Err("its pickle names storages in a form that PyTorch never writes".to_owned());
        }
        let id = self.pop()?; // BINPERSID
        let storage = persistent(self.arena, id)?;
        self.push(storage)
    }

    fn object<R: Read>(&mut self, instruction: u8, input: &mut Input<R>) -> Result<(), String> {
        let (callee, arguments) = match instruction {
            b'c' => {
                let (module, name) = (input.line()?, input.line()?); // GLOBAL
                let value = global(self.arena, &module, &name)?;
                return self.push(value);
            }
            0x93 => {
                let value = self.stack_global()?;
                return self.push(value);
            }
            b'i' => {
                let (module, name) = (input.line()?, input.line()?); // INST
                let arguments = self.pop_mark()?;
                (global(self.arena, &module, &name)?, self.arena.add(Node::Tuple(arguments))?)
            }
            b'o' => {
                let mut arguments = self.pop_mark()?; // OBJ
                if arguments.is_empty() {
                    return Err(underflow());
                }
                let class = arguments.remove(0);
                (class, self.arena.add(Node::Tuple(arguments))?)
            }
            b'b' => {
                let state = self.pop()?; // BUILD
                let target = self.top()?;
                return build(self.arena, target, state);
            }
            0x92 => {
                self.pop()?; // NEWOBJ_EX: the keyword arguments of a constructor nobody calls
                let arguments = self.pop()?;
                (self.pop()?, arguments)
            }
            _ => {
                let arguments = self.pop()?; // REDUCE, NEWOBJ
                (self.pop()?, arguments)
            }
        };
        let value = call(self.arena, callee, arguments)?;
        self.push(value)
    }

    fn stack_global(&mut self) -> Result<Value, String> {
        let (name, module) = (self.pop()?, self.pop()?);
        let module = self.arena.text(module).map(str::to_owned);
        let name = self.arena.text(name).map(str::to_owned);
        let (Some(module), Some(name)) = (module, name) else {
            return Err("its pickle names a class by something that is not text".to_owned());
        };
        global(self.arena, &module, &name)
    }

    pub(super) fn push(&mut self, value: Value) -> Result<(), String> {
        if self.stack.len() >= MAX_STACK {
            return Err(format!("its pickle needs a stack of more than {MAX_STACK} values"));
        }
        self.stack.push(value);
        Ok(())
    }

    pub(super) fn push_node(&mut self, node: Node) -> Result<(), String> {
        let value = self.arena.add(node)?;
        self.push(value)
    }

    /// The lowest height that may be popped: values under a MARK belong to whoever set it.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Value, String> {
        if self.stack.len() <= self.floor() {
            return Err(underflow());
        }
        self.stack.last().copied().ok_or_else(underflow)
    }

    fn pop(&mut self) -> Result<Value, String> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    /// POP also takes back a MARK, as Python's does.
    fn discard(&mut self) -> Result<(), String> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    fn duplicate(&mut self) -> Result<(), String> {
        let value = self.top()?;
        self.push(value)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Value>, String> {
        let start = self.stack.len().checked_sub(count).filter(|start| *start >= self.floor());
        Ok(self.stack.split_off(start.ok_or_else(underflow)?))
    }

    fn mark(&mut self) -> Result<(), String> {
        if self.marks.len() >= MAX_STACK {
            return Err(format!("its pickle nests more than {MAX_STACK} marks"));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn pop_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(underflow)?))
    }
}

fn pairs(items: &[Value]) -> Result<Vec<(Value, Value)>, String> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("its pickle has a dictionary key without a value".to_owned());
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}

fn underflow() -> String {
    "its pickle takes more values than it made; the file is damaged".to_owned()
}
