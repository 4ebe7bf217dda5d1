/** The disk of a node: Debian with the agent installed as deploy/host/README.md says, images in containerd, and the check. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { configuration } from '../containerd/containerd.ts'
import type { KubeObject } from '../deploy/manifests.ts'
import { copyAgent, must } from '../guest/image.ts'
import type { Scope } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'
import { AGENT_DIRECTORY, CHECK_DIRECTORY, OBJECTS_FILE, SETTINGS, SOCKET } from './paths.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CONTAINERD = '/var/lib/containerd'
const SIZE = '3G'

/** Its end is the machine's. */
const UNIT = `[Unit]
Requires=containerd.service
After=containerd.service
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate
[Service]
Type=oneshot
ExecStart=/usr/bin/node ${CHECK_DIRECTORY}/conformance/node/inside.ts
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
`

interface NodeParts {
  /** The root of a Debian. */
  readonly debian: string
  /** Of a containerd of the same kind that has ended, with the images. */
  readonly containerd: string
  /** The manifests that the agent's pod is made of. */
  readonly objects: readonly KubeObject[]
}

/** Gives the path of an image with an ext4. */
export async function makeNodeDisk(
  scope: Scope,
  { debian, containerd, objects }: NodeParts,
): Promise<string> {
  await needPackage('e2fsprogs', 'mke2fs')
  const directory = scope.directory()
  const root = join(directory, 'root')
  await must('cp', ['--archive', '--reflink=auto', debian, root])
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    // Debian has some of these as links out of its root.
    rmSync(join(root, path), { force: true })
    writeFileSync(join(root, path), text)
  }
  write('/etc/hostname', 'node-1\n')
  write('/etc/hosts', '127.0.0.1 localhost node-1\n')
  write('/etc/resolv.conf', '')
  // Without one systemd would take this for its first start, and set everything up.
  write('/etc/machine-id', `${'1'.repeat(32)}\n`)

  await must('cp', ['--archive', '--reflink=auto', containerd, join(root, CONTAINERD)])
  const options = { root: CONTAINERD, state: dirname(SOCKET), socket: SOCKET, isSystemd: true }
  write('/etc/containerd/config.toml', configuration(options))

  copyFileSync(process.execPath, join(root, 'usr/bin/node'))
  mkdirSync(join(root, AGENT_DIRECTORY))
  await copyAgent(join(root, AGENT_DIRECTORY))
  for (const [from, to] of [
    ['deploy/base/agent.yaml', '/etc/otel-interrogator/agent.yaml'],
    ['deploy/host/otel-interrogator.service', '/etc/systemd/system/otel-interrogator.service'],
  ] as const) {
    write(to, readFileSync(join(ROOT, from), 'utf8'))
  }
  const variables = Object.entries(SETTINGS).map(([name, value]) => `${name}=${value}\n`)
  write('/etc/default/otel-interrogator', variables.join(''))

  for (const part of ['package.json', 'conformance', 'src', 'test/support']) {
    cpSync(join(ROOT, part), join(root, CHECK_DIRECTORY, part), { recursive: true })
  }
  symlinkSync(`${AGENT_DIRECTORY}/node_modules`, join(root, CHECK_DIRECTORY, 'node_modules'))
  write(OBJECTS_FILE, JSON.stringify(objects))
  write('/etc/systemd/system/check.service', UNIT)
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants')
  if (!existsSync(wants)) mkdirSync(wants)
  symlinkSync('/etc/systemd/system/check.service', join(wants, 'check.service'))

  const image = join(directory, 'node.img')
  await must('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-d', root, image, SIZE])
  rmSync(root, { recursive: true })
  return image
}
