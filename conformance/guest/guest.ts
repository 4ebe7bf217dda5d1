/** Boots a guest under emulation and gives what it printed: a node of another kind than this one. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Scope } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'

const SECONDS = 240

export async function needEmulator(): Promise<void> {
  await needPackage('qemu-system-x86', 'qemu-system-x86_64')
  await needPackage('busybox-static', 'busybox')
  await needPackage('cpio', 'cpio')
}

/**
 * @param options words for the kernel's command line, such as `psi=0`.
 * @throws Error when the guest doesn't switch itself off in time.
 */
export async function boot(
  scope: Scope,
  kernel: string,
  image: string,
  options: string,
): Promise<string> {
  const child = scope.spawn(
    'qemu-system-x86_64',
    [
      ...[
        '-machine',
        'q35',
        '-accel',
        'tcg,thread=multi',
        '-cpu',
        'max',
        '-smp',
        '2',
        '-m',
        '1280',
      ],
      ...['-kernel', kernel, '-initrd', image],
      ...['-append', `console=ttyS0 quiet panic=-1 ${options}`],
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
