//! Writing programs for the classic packet filter (kernel's Documentation/networking/filter.rst): loads of a frame's
//! bytes, and comparisons that end it or go on. All jumps lead forward; long ones are instructions of their own, so a
//! program may be as long as the kernel takes.

use std::net::Ipv6Addr;

/// Verdicts of the classifier (linux/pkt_cls.h).
pub const COME_IN: u32 = 0;
/// See [`COME_IN`].
pub const STAY_OUT: u32 = 2;

/// Instructions (linux/bpf_common.h): load 4, 2 or 1 bytes from a place in the frame, mask, compare, jump, return.
pub const LOAD_WORD: u16 = 0x20;
pub const LOAD_HALF: u16 = 0x28;
pub const LOAD_BYTE: u16 = 0x30;
pub const AND: u16 = 0x54;
pub const IF_EQUAL: u16 = 0x15;
pub const IF_ANY_BIT: u16 = 0x45;
pub const JUMP: u16 = 0x05;
pub const RETURN: u16 = 0x06;

/// One instruction: what to do, how many to skip if a comparison holds and if it doesn't, a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub code: u16,
    pub then: u8,
    pub otherwise: u8,
    pub number: u32,
}

/// A program, or a part of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program(pub Vec<Step>);

impl Program {
    fn put(&mut self, code: u16, then: u8, otherwise: u8, number: u32) -> &mut Self {
        self.0.push(Step { code, then, otherwise, number });
        self
    }

    /// Loads from a place in the frame.
    pub fn load(&mut self, code: u16, place: u32) -> &mut Self {
        self.put(code, 0, 0, place)
    }

    /// Keeps some bits of what was loaded.
    pub fn mask(&mut self, bits: u32) -> &mut Self {
        self.put(AND, 0, 0, bits)
    }

    /// Ends with a verdict.
    pub fn end(&mut self, verdict: u32) -> &mut Self {
        self.put(RETURN, 0, 0, verdict)
    }

    /// Ends with a verdict if that was loaded.
    pub fn end_if(&mut self, number: u32, verdict: u32) -> &mut Self {
        self.put(IF_EQUAL, 0, 1, number).end(verdict)
    }

    /// Stays out if something else was loaded.
    pub fn must_be(&mut self, number: u32) -> &mut Self {
        self.put(IF_EQUAL, 1, 0, number).end(STAY_OUT)
    }

    /// Stays out if one of these bits was loaded.
    pub fn must_lack(&mut self, bits: u32) -> &mut Self {
        self.put(IF_ANY_BIT, 0, 1, bits).end(STAY_OUT)
    }

    /// Runs a part if that was loaded.
    pub fn when(&mut self, number: u32, part: &Self) -> &mut Self {
        self.put(IF_EQUAL, 1, 0, number).put(JUMP, 0, 0, part.length()).run(part)
    }

    /// Runs a part if something else was loaded.
    pub fn unless(&mut self, number: u32, part: &Self) -> &mut Self {
        self.put(IF_EQUAL, 0, 1, number).put(JUMP, 0, 0, part.length()).run(part)
    }

    /// Runs a part.
    pub fn run(&mut self, part: &Self) -> &mut Self {
        self.0.extend(&part.0);
        self
    }

    /// Loads an IPv6 address from a place and runs a part if it is that.
    pub fn when_address(&mut self, place: u32, address: Ipv6Addr, part: &Self) -> &mut Self {
        for (word, at) in words(address).into_iter().zip([0, 4, 8, 12]) {
            // Each comparison that fails leads to the jump behind the last one, which leads over the part.
            let to_jump = (12 - at) / 2;
            let then = u8::from(at == 12);
            self.load(LOAD_WORD, place + at).put(IF_EQUAL, then, to_jump as u8, word);
        }
        self.put(JUMP, 0, 0, part.length()).run(part)
    }

    /// Stays out if at a place there is none of these IPv6 addresses.
    pub fn must_be_among(&mut self, place: u32, addresses: &[Ipv6Addr]) -> &mut Self {
        let mut found = Self::default();
        found.end(STAY_OUT);
        for address in addresses.iter().rev() {
            let mut out = Self::default();
            out.put(JUMP, 0, 0, found.length());
            let mut all = Self::default();
            all.when_address(place, *address, &out);
            found = all.run(&found).clone();
        }
        self.run(&found)
    }

    fn length(&self) -> u32 {
        self.0.len() as u32
    }

    /// As the kernel takes it: an array of `struct sock_filter`.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 8);
        for step in &self.0 {
            bytes.extend(step.code.to_ne_bytes());
            bytes.extend([step.then, step.otherwise]);
            bytes.extend(step.number.to_ne_bytes());
        }
        bytes
    }
}

fn words(address: Ipv6Addr) -> [u32; 4] {
    let whole = u128::from(address);
    [96, 64, 32, 0].map(|shift| (whole >> shift) as u32)
}
