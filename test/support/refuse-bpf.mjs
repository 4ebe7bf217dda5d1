/** Preloaded by Node.js (`--import`): from then on the kernel answers bpf(2) with EPERM, as a seccomp profile does. */
import koffi from 'koffi'

const PR_SET_NO_NEW_PRIVS = 38
const PR_SET_SECCOMP = 22
const SECCOMP_MODE_FILTER = 2
const EPERM = 1
const BPF = { x64: 321, arm64: 280 }[process.arch]
/** `struct sock_filter`: load the number of the call; is it bpf(2)? allow it : refuse it. */
const INSTRUCTIONS = [
  [0x20, 0, 0, 0],
  [0x15, 0, 1, BPF],
  [0x06, 0, 0, 0x00050000 | EPERM],
  [0x06, 0, 0, 0x7fff0000],
]

const filter = Buffer.alloc(INSTRUCTIONS.length * 8)
for (const [index, [code, yes, no, value]] of INSTRUCTIONS.entries()) {
  filter.writeUInt16LE(code, index * 8)
  filter.writeUInt8(yes, index * 8 + 2)
  filter.writeUInt8(no, index * 8 + 3)
  filter.writeUInt32LE(value, index * 8 + 4)
}
const program = Buffer.alloc(16)
program.writeUInt16LE(INSTRUCTIONS.length, 0)
program.writeBigUInt64LE(BigInt(koffi.address(filter)), 8)
const prctl = koffi
  .load('libc.so.6')
  .func('prctl', 'int', ['int', 'ulong', 'void *', 'ulong', 'ulong'])
prctl(PR_SET_NO_NEW_PRIVS, 1, null, 0, 0)
if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) !== 0) {
  throw new Error('no seccomp filter can be set')
}
