/** The server with TLS: real certificates, real handshakes. */
import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { type Authority, type Issued, makeAuthority } from '../../support/authority.ts'
import { getSecurely, serveProtected } from '../../support/protected-server.ts'
import { skip } from '../../support/skip.ts'

interface Scene {
  readonly authority: Authority
  readonly server: Issued
}

function prepare(t: ExecutionContext): Scene | undefined {
  const authority = makeAuthority(t)
  if (authority === undefined) {
    skip(t, 'there is no openssl')
    return undefined
  }
  return { authority, server: authority.issue('server', 'DNS:localhost') }
}

function tlsConfig({ certificate, key }: Issued, ...lines: string[]): string {
  const files = [`cert_file: ${certificate}`, `key_file: ${key}`]
  return ['tls_server_config:', ...[...files, ...lines].map((line) => `  ${line}`), ''].join('\n')
}

test('TLS 1.2 and 1.3, and neither older ones nor plain HTTP', async (t) => {
  const scene = prepare(t)
  if (scene === undefined) return
  const { url } = await serveProtected(t, tlsConfig(scene.server))
  const ca = scene.authority.cert
  t.regex(url, /^https:/)
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const range = { ca, minVersion: version, maxVersion: version }
    t.is((await getSecurely(`${url}/x`, range)).body, 'hello\n', version)
  }
  const old = {
    ca,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'ALL:@SECLEVEL=0',
  } as const
  await t.throwsAsync(getSecurely(`${url}/x`, old), { message: /alert protocol version/ })
  await t.throwsAsync(fetch(`${url.replace('https', 'http')}/x`))
  t.is((await getSecurely(`${url}/x`, { ca })).status, 200, 'and goes on after that')
})

test('what is set of the protocol is spoken', async (t) => {
  const scene = prepare(t)
  if (scene === undefined) return
  const ca = scene.authority.cert
  const config = tlsConfig(
    scene.server,
    'min_version: TLS10',
    'max_version: TLS12',
    'cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA]',
    'curve_preferences: [CurveP384]',
  )
  const { url } = await serveProtected(t, config)
  const shake = async (options: object) => {
    const socket = await handshake(url, { ca, ...options })
    const [version, cipher, key] = [
      socket.getProtocol(),
      socket.getCipher().name,
      socket.getEphemeralKeyInfo(),
    ]
    socket.destroy()
    return [version, cipher, 'name' in (key ?? {}) ? (key as { name: string }).name : undefined]
  }
  t.deepEqual(await shake({}), ['TLSv1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'secp384r1'])
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }
  t.deepEqual((await shake(old)).slice(0, 2), ['TLSv1', 'ECDHE-ECDSA-AES256-SHA'])
  await t.throwsAsync(shake({ ecdhCurve: 'X25519' }))
})

test('each way of asking for clients certificates', async (t) => {
  const scene = prepare(t)
  const stranger = makeAuthority(t)?.issue('stranger', 'DNS:client')
  if (scene === undefined || stranger === undefined) return
  const { authority, server } = scene
  const known = authority.issue('client', 'DNS:client')
  const clients = { none: undefined, stranger, known }
  const cases: Record<string, (keyof typeof clients)[]> = {
    NoClientCert: ['none', 'stranger', 'known'],
    RequestClientCert: ['none', 'stranger', 'known'],
    RequireAnyClientCert: ['stranger', 'known'],
    VerifyClientCertIfGiven: ['none', 'known'],
    RequireAndVerifyClientCert: ['known'],
  }
  for (const [type, welcome] of Object.entries(cases)) {
    const withCa = type === 'NoClientCert' ? [] : [`client_ca_file: ${authority.certificate}`]
    const config = tlsConfig(server, `client_auth_type: ${type}`, ...withCa)
    const { url } = await serveProtected(t, config)
    for (const [name, client] of Object.entries(clients)) {
      const answer = getSecurely(`${url}/x`, {
        ca: authority.cert,
        ...(client && { cert: client.cert, key: client.privateKey }),
      })
      if (welcome.some((other) => other === name))
        t.is((await answer).status, 200, `${type} ${name}`)
      else await t.throwsAsync(answer, undefined, `${type} ${name}`)
    }
  }
})

test('a resumed session is asked the same', async (t) => {
  const scene = prepare(t)
  if (scene === undefined) return
  const { authority, server } = scene
  const known = authority.issue('client', 'DNS:client')
  const config = (san: string) =>
    tlsConfig(
      server,
      'client_auth_type: RequireAndVerifyClientCert',
      `client_ca_file: ${authority.certificate}`,
      `client_allowed_sans: [${san}]`,
    )
  const { url, write } = await serveProtected(t, config('client'))
  const client = { ca: authority.cert, cert: known.cert, key: known.privateKey }
  const first = await handshake(url, client)
  const ticket = once(first, 'session')
  t.regex(await askOver(first), /^HTTP\/1\.1 200/)
  const [session] = (await ticket) as [Buffer]
  const resumed = await handshake(url, { ...client, session })
  t.true(resumed.isSessionReused())
  t.regex(await askOver(resumed), /^HTTP\/1\.1 200/)
  write(config('other'))
  const refused = await handshake(url, { ...client, session }).then(askOver, String)
  t.notRegex(refused, /200/)
})

test('only clients with an allowed name', async (t) => {
  const scene = prepare(t)
  if (scene === undefined) return
  const { authority, server } = scene
  const client = authority.issue(
    'client',
    'DNS:prometheus.example,IP:10.0.0.1,IP:::1,URI:spiffe://a/b,email:a@b.example',
  )
  // One name with a comma in it, which openssl takes only as the bytes of DER.
  const uri = Buffer.from('http://x/, DNS:evil.example, DNS:evil')
  const der = Buffer.concat([Buffer.from([0x30, uri.length + 2, 0x86, uri.length]), uri])
  const mistaken = authority.issue('mistaken', `DER:${der.toString('hex')}`)
  const status = async (san: string, { cert, privateKey: key }: Issued) => {
    const { url } = await serveProtected(
      t,
      tlsConfig(
        server,
        'client_auth_type: RequireAndVerifyClientCert',
        `client_ca_file: ${authority.certificate}`,
        `client_allowed_sans: ["no", ${JSON.stringify(san)}]`,
      ),
    )
    return await getSecurely(`${url}/x`, { ca: authority.cert, cert, key }).then(
      (answer) => answer.status,
      () => 'refused',
    )
  }
  for (const san of ['prometheus.example', '10.0.0.1', '::1', 'spiffe://a/b', 'a@b.example']) {
    t.is(await status(san, client), 200, san)
  }
  for (const san of ['example', 'client', '10.0.0.2', 'spiffe://a', 'b.example', '']) {
    t.is(await status(san, client), 'refused', san)
  }
  t.is(await status('evil.example', mistaken), 'refused')
  t.is(await status('evil', mistaken), 'refused')
  t.is(await status(String(uri), mistaken), 200)
})

test('a certificate that is replaced is shown to the next client', async (t) => {
  const scene = prepare(t)
  if (scene === undefined) return
  const { authority, server } = scene
  const { url, reloads } = await serveProtected(t, tlsConfig(server))
  const ca = authority.cert
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, servername: 'localhost' })
  t.teardown(() => agent.destroy())
  t.false(await isKept(agent, url))
  const before = await serial(url, ca)
  const next = authority.issue('next', 'DNS:localhost')
  copyFileSync(next.certificate, server.certificate)
  // The key isn't there yet: as before.
  t.is(await serial(url, ca), before)
  copyFileSync(next.key, server.key)
  const after = await serial(url, ca)
  t.not(after, before)
  t.true(await isKept(agent, url), 'who is connected stays')
  t.is(reloads.length, 2)
  t.regex(reloads[0] ?? '', /web\.yml:3:13: key_file \S+ is not the key of cert_file/)
  t.is(reloads[1], undefined)
  writeFileSync(server.certificate, '')
  t.is(await serial(url, ca), after)
})

test('certificates may stand in the file itself, and paths are relative to it', async (t) => {
  const scene = prepare(t)
  if (scene === undefined) return
  const { cert, privateKey } = scene.server
  const inline = JSON.stringify({ tls_server_config: { cert, key: privateKey } })
  const { url, path, write, reloads } = await serveProtected(t, inline)
  t.is((await getSecurely(`${url}/x`, { ca: scene.authority.cert })).status, 200)
  copyFileSync(scene.server.certificate, join(path, '../a.pem'))
  write('tls_server_config: {cert_file: a.pem, key_file: b.pem}')
  t.is((await getSecurely(`${url}/x`, { ca: scene.authority.cert })).status, 200)
  t.regex(reloads[0] ?? '', /web\.yml:1:49: key_file can't be read: ENOENT: .*\/web-\w+\/b\.pem'/)
  copyFileSync(scene.server.key, join(path, '../b.pem'))
  t.is((await getSecurely(`${url}/x`, { ca: scene.authority.cert })).status, 200)
  t.is(reloads.length, 2)
  t.is(reloads[1], undefined)
})

test('a client that never ends its handshake does not hold the end up', async (t) => {
  const scene = prepare(t)
  if (scene === undefined) return
  const { url, close } = await serveProtected(t, tlsConfig(scene.server))
  const { hostname, port } = new URL(url)
  const socket = connectTcp(Number(port), hostname)
  await once(socket, 'connect')
  await getSecurely(`${url}/x`, { ca: scene.authority.cert })
  const closed = once(socket, 'close')
  await close(10)
  await closed
  t.pass()
})

async function handshake(url: string, options: object): Promise<TLSSocket> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), servername: 'localhost', ...options })
  await once(socket, 'secureConnect')
  return socket
}

/** What comes over a connection in answer to a request. */
async function askOver(socket: TLSSocket): Promise<string> {
  socket.write('GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

/** The serial number of the certificate that a new client is shown. */
async function serial(url: string, ca: string): Promise<string | undefined> {
  const socket = await handshake(url, { ca })
  const { serialNumber } = socket.getPeerX509Certificate() ?? {}
  socket.destroy()
  return serialNumber
}

/** Asks over a connection that is kept; whether it was there already. */
function isKept(agent: Agent, url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/x`, { agent }, (response) => {
      response.resume().on('end', () => resolve(asked.reusedSocket))
    })
    asked.on('error', reject).end()
  })
}
