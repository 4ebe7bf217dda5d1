/** Boots a guest under emulation and gives what it printed: a node of another kind than this one. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Scope } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'
import type { Architecture } from './kernel.ts'

const SECONDS = 600

/**
 * Waits, in a guest's shell, for an agent that logs to /tmp/log. Beside others an emulated machine takes minutes for what takes
 * a second elsewhere; `boot` ends one that does not get there.
 */
export const UNTIL_STARTED = `for i in $(seq 2000); do grep -q '"started"' /tmp/log && break; sleep 0.2; done`

interface Emulator {
  readonly package: string
  readonly program: string
  readonly console: string
  readonly machine: readonly string[]
}

const EMULATORS: Readonly<Record<Architecture, Emulator>> = {
  amd64: {
    package: 'qemu-system-x86',
    program: 'qemu-system-x86_64',
    console: 'ttyS0',
    machine: ['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2'],
  },
  // One instruction in each nanosecond, and one cycle: what is counted is known beforehand.
  arm64: {
    package: 'qemu-system-arm',
    program: 'qemu-system-aarch64',
    console: 'ttyAMA0',
    machine: [
      ...['-machine', 'virt', '-cpu', 'max,pauth-impdef=on', '-smp', '1'],
      ...['-accel', 'tcg', '-icount', 'shift=0,sleep=off'],
    ],
  },
}

export async function needEmulator(architecture: Architecture): Promise<void> {
  const { package: name, program } = EMULATORS[architecture]
  await needPackage(name, program)
  await needPackage('busybox-static', 'busybox')
  await needPackage('cpio', 'cpio')
}

interface Boot {
  readonly kernel: string
  /** Of the initial file system. */
  readonly image: string
  /** An image of a disk, which stays as it is. */
  readonly disk?: string
}

/**
 * @param options words for the kernel's command line, such as `psi=0`.
 * @throws Error when the guest doesn't switch itself off in time.
 */
export async function boot(
  scope: Scope,
  architecture: Architecture,
  { kernel, image, disk }: Boot,
  options: string,
): Promise<string> {
  const { program, machine, console: device } = EMULATORS[architecture]
  const drive = ['-drive', `file=${disk},if=virtio,format=raw,snapshot=on`]
  const child = scope.spawn(
    program,
    [
      ...machine,
      ...['-m', '1280', '-kernel', kernel, '-initrd', image],
      ...['-append', `console=${device} quiet panic=-1 ${options}`],
      ...(disk === undefined ? [] : drive),
      ...['-display', 'none', '-serial', 'stdio', '-no-reboot', '-nodefaults', '-nic', 'none'],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  if (child.stdout === null) throw new Error('the guest has no console')
  const output = text(child.stdout)
  const timer = setTimeout(() => child.kill('SIGKILL'), SECONDS * 1000)
  const [code] = await once(child, 'exit')
  clearTimeout(timer)
  const printed = (await output).replaceAll('\r', '')
  if (code !== 0) throw new Error(`the guest did not end: ${printed.slice(-2000)}`)
  return printed
}

/** What the guest printed, by its headings (`=== name`); it must come to the one called `end`. */
export function sections(output: string): Map<string, string> {
  const parts = output.split(/^=== (\w+)\n/m)
  const found = new Map<string, string>()
  for (let index = 1; index < parts.length; index += 2) found.set(parts[index], parts[index + 1])
  if (!found.has('end'))
    throw new Error(`the guest did not come to its end: ${output.slice(-3000)}`)
  return found
}
