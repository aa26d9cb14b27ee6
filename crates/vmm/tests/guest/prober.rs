//! A kernel of a few hundred bytes that does nothing but attack: without paging and interrupts it reads and writes every
//! port and what lies around every device in memory space, and then powers the machine off. What it writes is never what a
//! port takes for the end.

use std::arch::global_asm;

/// Where it is loaded and entered.
const START: u32 = 0x10_0000;
/// The file's offset of the code.
const CODE: usize = 0x1000;
/// `XEN_ELFNOTE_PHYS32_ENTRY`.
const PHYS32_ENTRY: u32 = 18;

unsafe extern "C" {
    static prober_begin: u8;
    static prober_end: u8;
}

global_asm!(
    ".pushsection .rodata.prober, \"a\"",
    ".globl prober_begin, prober_end",
    "prober_begin:",
    ".code32",
    "cld",
    // Every port, in every width, with ones and with zeroes.
    "mov ebp, 0xffffffff",
    "2:",
    "xor edx, edx",
    "3:",
    "mov eax, ebp",
    "out dx, al",
    "out dx, ax",
    "out dx, eax",
    "in al, dx",
    "in ax, dx",
    "in eax, dx",
    "inc edx",
    "cmp edx, 0x10000",
    "jne 3b",
    "inc ebp",
    "jz 2b",
    // Strings, which come as many accesses at once.
    "xor edx, edx",
    "4:",
    "mov esi, 0x200000",
    "mov ecx, 40",
    "rep outsb",
    "mov edi, 0x300000",
    "mov ecx, 40",
    "rep insb",
    "mov edi, 0x300000",
    "mov ecx, 9",
    "rep insd",
    "add edx, 7",
    "cmp edx, 0x10000",
    "jb 4b",
    // Configuration space by memory, of every slot of the bus, twice: the second time BARs are anywhere and decoded.
    "mov ebp, 2",
    "5:",
    "mov edi, 0xe0000000",
    "6:",
    "mov ecx, 64",
    "7:",
    "mov dword ptr [edi], 0xffffffff",
    "mov eax, [edi]",
    "mov byte ptr [edi + 1], 0xff",
    "mov word ptr [edi + 2], 0x5555",
    "mov ax, [edi + 2]",
    "add edi, 4",
    "loop 7b",
    "and edi, 0xffff8000",
    "add edi, 0x8000",
    "cmp edi, 0xe0100000",
    "jb 6b",
    // What is behind memory up to the interrupt controllers, odd addresses among them.
    "mov edi, 0x08000000",
    "8:",
    "mov dword ptr [edi], 0xffffffff",
    "mov eax, [edi + 1]",
    "mov byte ptr [edi + 0x3001], 0xff",
    "mov word ptr [edi + 0x3003], 0x5555",
    "add edi, 0x24000",
    "cmp edi, 0xfec00000",
    "jb 8b",
    "dec ebp",
    "jnz 5b",
    // The I/O APIC's registers, known or not.
    "xor ecx, ecx",
    "9:",
    "mov dword ptr [0xfec00000], ecx",
    "mov dword ptr [0xfec00010], 0xffffffff",
    "mov eax, [0xfec00010]",
    "inc ecx",
    "cmp ecx, 0x100",
    "jne 9b",
    // What is between the controllers and the end of 4 GiB.
    "mov edi, 0xfec01000",
    "20:",
    "mov dword ptr [edi], 0xffffffff",
    "mov eax, [edi + 3]",
    "add edi, 0x1000",
    "cmp edi, 0xfee00000",
    "jne 20b",
    // The end: power off.
    "mov edx, 0x600",
    "mov al, 0x34",
    "out dx, al",
    "21:",
    "hlt",
    "jmp 21b",
    ".code64",
    "prober_end:",
    ".popsection",
);

fn code() -> &'static [u8] {
    // SAFETY: the assembler puts both labels into one section of read-only bytes, the second behind the first.
    unsafe {
        let (begin, end) = (&raw const prober_begin, &raw const prober_end);
        std::slice::from_raw_parts(begin, end.offset_from_unsigned(begin))
    }
}

/// The kernel as an ELF image with an entry for PVH.
pub fn image() -> Vec<u8> {
    let note: Vec<u8> = [4, 4, PHYS32_ENTRY].iter().flat_map(|word| word.to_le_bytes()).collect();
    let note = [&note[..], b"Xen\0", &START.to_le_bytes()].concat();
    let mut image = header();
    let at = (image.len() + 2 * 56) as u64;
    image.extend(segment(4, 4, at, 0, note.len() as u64));
    image.extend(segment(1, 5, CODE as u64, START.into(), code().len() as u64));
    image.extend(note);
    image.resize(CODE, 0);
    image.extend(code());
    image
}

/// Of a 64-bit executable for x86-64 with two program headers behind this one.
fn header() -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(16, 0);
    header.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    header.extend(u64::from(START).to_le_bytes());
    header.extend(64u64.to_le_bytes());
    header.extend([0; 12]);
    header.extend([64, 56, 2, 64, 0, 0].iter().flat_map(|half: &u16| half.to_le_bytes()));
    header
}

fn segment(kind: u32, flags: u32, offset: u64, address: u64, length: u64) -> Vec<u8> {
    let words = [kind, flags].into_iter().flat_map(u32::to_le_bytes);
    let quads = [offset, address, address, length, length, 4096].into_iter().flat_map(u64::to_le_bytes);
    words.chain(quads).collect()
}
