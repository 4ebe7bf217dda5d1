/**
 * poll(2) for exceptional conditions, which Node.js has not. By koffi, which brings its own binaries; it is loaded
 * when it is needed, and where it isn't there only what needs it is missing.
 */

/** `POLLPRI`: an event, as of a pressure trigger (psi_trigger_poll in kernel/sched/psi.c). */
const POLLPRI = 2

interface PollDescriptor {
  readonly fd: number
  readonly events: number
  revents: number
}

/** Which of the descriptors have an event now; the kernel reports each event once. */
export type PollForPriority = (descriptors: readonly number[]) => boolean[]

let loaded: PollForPriority | undefined

/**
 * Loads koffi, and binds poll(2).
 *
 * @throws Error that says that koffi is missing, or has no binary for this platform.
 */
export async function loadPoll(): Promise<PollForPriority> {
  loaded ??= await load()
  return loaded
}

async function load(): Promise<PollForPriority> {
  const { default: koffi } = await import('koffi')
  const descriptor = koffi.struct({ fd: 'int', events: 'short', revents: 'short' })
  const descriptors = koffi.inout(koffi.pointer(descriptor))
  const library = koffi.load('libc.so.6')
  const poll = library.func('poll', 'int', [descriptors, 'unsigned long', 'int'])
  return (fds) => {
    const polled = fds.map((fd): PollDescriptor => ({ fd, events: POLLPRI, revents: 0 }))
    if (polled.length > 0) poll(polled, polled.length, 0)
    return polled.map(({ revents }) => (revents & POLLPRI) !== 0)
  }
}
