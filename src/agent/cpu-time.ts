/** CPU time of the agent itself. */

/** CPU time of this process so far, in seconds, user and system mode together. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
