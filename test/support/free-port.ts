/** Ports of loopback for servers of tests and checks. */
import { createServer } from 'node:net'

/** Below the ports that the kernel gives to connections, and not of a well-known service of Kubernetes. */
const MIN_PORT = 20_000
const PORTS = 10_000
const MAX_TRIES = 100

/** Ports that this process has been given, whose servers may not listen yet. */
const given = new Set<number>()

/** A port that was free a moment ago, and that no outgoing connection is given until a server listens on it. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = MIN_PORT + Math.floor(Math.random() * PORTS)
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
  throw new Error('no port')
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
  if (isListening) await new Promise((resolve) => server.close(resolve))
  return isListening
}
