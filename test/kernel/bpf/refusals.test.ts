import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { explainRefusal } from '../../../src/kernel/bpf/refusals.ts'
import { systemCallError } from '../../../src/kernel/errors.ts'

const [EPERM, EINVAL, ENOTSUPP] = [1, 22, 524]

for (const [what, number, files, says] of [
  ['lockdown', EINVAL, { btf: '', lockdown: 'none integrity [confidentiality]\n' }, /lockdown/],
  [
    'lockdown, told as EPERM',
    EPERM,
    { lockdown: 'none integrity [confidentiality]\n' },
    /lockdown/,
  ],
  [
    'integrity forbids nothing',
    EPERM,
    { btf: '', lockdown: 'none [integrity] confidentiality\n' },
    /CAP_BPF/,
  ],
  ['no BTF', EINVAL, {}, /no BTF/],
  ['an old kernel', EINVAL, { btf: '' }, /older than 5\.19/],
  ['a kernel with other types', ENOTSUPP, { btf: '' }, /lacks something/],
  ['no capability', EPERM, {}, /CAP_BPF and CAP_PERFMON.*pin-bpf/],
] as const) {
  test(`why the kernel refuses: ${what}`, (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'refusals-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
    const error = systemCallError('bpf', number, 'bpf(2) command 5')
    const message = explainRefusal(error, join(directory, 'btf'), join(directory, 'lockdown'))
    t.true(message.startsWith(error.message))
    t.regex(message, says)
  })
}
