import { spawnSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { ConfigError } from '../../src/config/problems.ts'
import { readWebConfig } from '../../src/config/web-config/web-config.ts'
import { makeAuthority } from '../support/authority.ts'
import { skip } from '../support/skip.ts'

const HASH = '$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG'

function write(t: ExecutionContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'web-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'web.yml')
  writeFileSync(path, text)
  return path
}

const read = (t: ExecutionContext, text: string) => readWebConfig(write(t, text), () => {})

/** The problems, each with line and column. */
function problems(t: ExecutionContext, text: string): string[] {
  const error = t.throws(() => read(t, text), { instanceOf: ConfigError }, text)
  return error.message.split('\n').map((line) => line.replace(/^\S*\/web\.yml:/, ''))
}

test('a file that says nothing protects nothing', (t) => {
  const nothing = { tls: undefined, headers: {}, users: new Map(), rateLimit: undefined }
  for (const text of [
    '',
    '# only a comment',
    'tls_server_config:\nbasic_auth_users:\n',
    'tls_server_config: {}\nhttp_server_config: {http2: false, headers: {}}\n',
    'tls_server_config: {cert_file: "", key_file: ""}\nrate_limit: {}\n',
  ]) {
    t.deepEqual(read(t, text), nothing, text)
  }
})

test('what a file says', (t) => {
  const text = `
basic_auth_users:
  alice: ${HASH}
  5: '${HASH}'
http_server_config:
  http2: true
  headers:
    X-Content-Type-Options: nosniff
    X-XSS-Protection: 0
rate_limit: {interval: 1m30s, burst: 3}
`
  t.deepEqual(read(t, text), {
    tls: undefined,
    headers: { 'X-Content-Type-Options': 'nosniff', 'X-XSS-Protection': '0' },
    users: new Map([
      ['alice', HASH],
      ['5', HASH],
    ]),
    rateLimit: { interval: 90_000, burst: 3 },
  })
})

test('every mistake is said with its place', (t) => {
  const cases: [string, string][] = [
    ['- a', '1:1: the file must be a map'],
    ['tls: {}', '1:1: unknown key "tls" in the file'],
    [
      'basic_auth_user: {a: b}',
      '1:1: unknown key "basic_auth_user" in the file; did you mean "basic_auth_users"?',
    ],
    ['rate_limit: {}\nrate_limit: {}', '2:1: rate_limit is there twice'],
    ['basic_auth_users: text', '1:19: basic_auth_users must be a map'],
    [
      `basic_auth_users:\n  a: ${HASH}\n  b: secret`,
      '3:6: the password of "b" must be a bcrypt hash; `htpasswd -nB USER` makes one',
    ],
    [
      'basic_auth_users:\n  a:',
      '2:3: the password of "a" must be a bcrypt hash; `htpasswd -nB USER` makes one',
    ],
    [
      `basic_auth_users:\n  a: ${HASH.replace('$10', '$32')}`,
      '2:6: the password of "a" must be a bcrypt hash; `htpasswd -nB USER` makes one',
    ],
    [
      `basic_auth_users:\n  "a:b": ${HASH}`,
      '2:10: the user "a:b" has a colon, which no client can send',
    ],
    [`basic_auth_users:\n  a: ${HASH}\n  a: ${HASH}`, '3:3: a is there twice'],
    ['http_server_config:\n  http2: maybe', '2:10: http2 must be true or false'],
    ['http_server_config:\n  http2: [true]', '2:10: http2 must be true or false'],
    [
      'http_server_config:\n  headers:\n    X-Frame-Option: deny',
      '3:5: unknown key "X-Frame-Option" in headers; did you mean "X-Frame-Options"?',
    ],
    [
      'http_server_config:\n  headers:\n    X-Frame-Options: allow',
      '3:22: X-Frame-Options must be deny or sameorigin',
    ],
    [
      'http_server_config:\n  headers:\n    X-XSS-Protection: "a\\nb"',
      '3:23: X-XSS-Protection has characters that no header may have',
    ],
    [
      'rate_limit:\n  interval: soon',
      '2:13: interval must be a duration from 0s to 24h, such as 500ms, 10s or 1m30s',
    ],
    ['rate_limit:\n  burst: many', '2:10: burst must be a whole number'],
    ['rate_limit:\n  interval: 1s', '2:3: burst must be at least 1: with none, no request passes'],
    [
      'basic_auth_users: *x',
      "1:19: there is no anchor of that name; a text that begins with * must be quoted, such as '*.slice'",
    ],
  ]
  for (const [text, problem] of cases) t.deepEqual(problems(t, text), [problem], text)
})

test('mistakes about TLS', (t) => {
  const authority = makeAuthority(t)
  if (authority === undefined) return skip(t, 'there is no openssl')
  const { certificate, key, cert } = authority
  const other = authority.issue('other', 'DNS:localhost')
  const files = `  cert_file: ${certificate}\n  key_file: ${key}`
  const missing = join(authority.directory, 'missing')
  const locked = join(authority.directory, 'locked.key')
  const lock = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const
  writeFileSync(locked, createPrivateKey(authority.privateKey).export(lock))
  const cases: [string, string | RegExp][] = [
    ['  min_version: TLS12', '2:3: tls_server_config needs cert_file (or cert) to serve TLS'],
    [`  cert_file: ${certificate}`, '2:3: tls_server_config needs key_file (or key) to serve TLS'],
    [`  cert_file: ${missing}\n  key_file: ${key}`, /^2:14: cert_file can't be read: ENOENT/],
    [
      `  cert_file: ${key}\n  key_file: ${key}`,
      `2:14: cert_file ${key} is not a certificate in PEM`,
    ],
    [
      `  cert_file: ${certificate}\n  key_file: ${certificate}`,
      `3:13: key_file ${certificate} is not a private key in PEM`,
    ],
    [
      `  cert_file: ${certificate}\n  key_file: ${other.key}`,
      `3:13: key_file ${other.key} is not the key of cert_file ${certificate}`,
    ],
    ['  cert: text\n  key: text', '2:9: cert is not a certificate in PEM'],
    [
      `${files}\n  cert: ${JSON.stringify(cert)}`,
      '4:9: cert and cert_file are both there; leave one out',
    ],
    [
      `  cert_file: ${certificate}\n  key_file: ${locked}`,
      `3:13: key_file ${locked} is encrypted; give it without a passphrase`,
    ],
    ['  cert_file: [a]\n  key_file: b', '2:14: cert_file must be a text'],
    [
      `${files}\n  client_auth_type: RequireAndVerify\n  client_ca_file: ${certificate}`,
      /^4:21: client_auth_type: "RequireAndVerify" is none of NoClientCert, .*/,
    ],
    [
      `${files}\n  client_ca_file: ${certificate}`,
      '4:19: client_ca_file has no effect without client_auth_type: RequireAndVerifyClientCert',
    ],
    [
      `${files}\n  client_auth_type: RequireAndVerifyClientCert`,
      '4:21: client_auth_type needs client_ca_file to verify against',
    ],
    [
      `${files}\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ${key}`,
      `5:19: client_ca_file ${key} is not a certificate in PEM`,
    ],
    [
      `${files}\n  client_allowed_sans: [a]`,
      '4:24: client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert or RequireAnyClientCert',
    ],
    [
      `${files}\n  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: a`,
      '5:24: client_allowed_sans must be a list of texts',
    ],
    [
      `${files}\n  min_version: TLS14`,
      '4:16: min_version: "TLS14" is none of TLS10, TLS11, TLS12, TLS13; did you mean "TLS10"?',
    ],
    [
      `${files}\n  max_version: TLS11`,
      '4:16: max_version is older than min_version: no client could connect',
    ],
    [
      `${files}\n  cipher_suites:\n  - TLS_RSA_WITH_RC4_128_SHA`,
      /^5:3: cipher_suites: "TLS_RSA_WITH_RC4_128_SHA" is none of TLS_AES_128_GCM_SHA256, /,
    ],
    [
      `${files}\n  curve_preferences: [P256]`,
      /^4:22: curve_preferences: "P256" is none of CurveP256, CurveP384, CurveP521, X25519/,
    ],
    [
      `${files}\n  prefer_server_cipher_suites: 1`,
      '4:32: prefer_server_cipher_suites must be true or false',
    ],
    [`${files}\n  ca_file: a`, /^4:3: unknown key "ca_file" in tls_server_config/],
  ]
  for (const [text, expected] of cases) {
    const [problem = ''] = problems(t, `tls_server_config:\n${text}\n`)
    if (typeof expected === 'string') t.is(problem, expected)
    else t.regex(problem, expected)
  }
})

test('what is secret is not shown, whatever is wrong', (t) => {
  for (const text of [
    `basic_auth_users:\n  a: {b: ${HASH}}`,
    `basic_auth_users:\n  a: ${HASH}x`,
    `basic_auth_users: [${HASH}]`,
    `basic_auth_user: ${HASH}`,
    `basic_auth_users: {a: b}\n ${HASH}`,
    `basic_auth_users: {a: b} ${HASH}`,
    `basic_auth_users: |x ${HASH}\n`,
    `tls_server_config:\n  key: ${HASH}\n  cert: a`,
    `"${HASH}`,
    `- ${HASH}`,
    `${HASH}`,
  ]) {
    t.notRegex(problems(t, text).join('\n'), /X0h1gDsPszWURQ/, text)
  }
})

test('a file that is not there, or no text', (t) => {
  t.throws(() => readWebConfig('/nowhere/web.yml', () => {}), {
    instanceOf: ConfigError,
    message: /^\/nowhere\/web\.yml: can't be read: ENOENT/,
  })
  t.regex(problems(t, 'a: [')[0] ?? '', /^1:\d+: /)
})

test('each file is announced before it is read', (t) => {
  const path = write(t, 'tls_server_config: {cert_file: a, key_file: /b, client_ca_file: ../c}')
  const seen: string[] = []
  t.throws(() => readWebConfig(path, (file) => seen.push(file)))
  t.deepEqual(seen, [path, join(path, '../a'), '/b', join(path, '../../c')])
})

test('what promtool takes is taken, and what it refuses is refused', (t) => {
  const authority = makeAuthority(t)
  if (authority === undefined) return skip(t, 'there is no openssl')
  const files = `cert_file: ${authority.certificate}, key_file: ${authority.key}`
  const tls = [
    '',
    files,
    `cert_file: ${authority.certificate}`,
    `${files}, client_ca_file: ${authority.certificate}`,
    `${files}, client_auth_type: RequireClientCert`,
    `${files}, client_auth_type: Any`,
    `${files}, cipher_suites: []`,
    `${files}, cipher_suites: [TLS_AES_128_GCM_SHA256]`,
    `${files}, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]`,
    `${files}, curve_preferences: [X25519, CurveP256, CurveP384, CurveP521]`,
    `${files}, min_version: TLS10, max_version: TLS11`,
    `${files}, min_version: tls10`,
    `${files}, prefer_server_cipher_suites: yes`,
    `client_ca_file: ${authority.certificate}`,
  ].map((text) => `tls_server_config: {${text}}`)
  const others = [
    'tls_server_config:',
    `basic_auth_users: {a: "${HASH}", 1: "${HASH}"}`,
    'basic_auth_users: {}',
    'basic_auth_users: {a: ""}',
    'basic_auth_users: {a: plain}',
    'http_server_config: {http2: Off}',
    'http_server_config: {http2: 5}',
    'http_server_config: {headers: {X-Frame-Options: deny, X-XSS-Protection: 1}}',
    'http_server_config: {headers: {X-Frame-Options: DENY}}',
    'http_server_config: {headers: {Foo: bar}}',
    'unknown: {}',
    'basic_auth_users: {}\nbasic_auth_users: {}',
  ]
  for (const text of [...tls, ...others]) {
    const path = write(t, text)
    const { status, error } = spawnSync('promtool', ['check', 'web-config', path])
    if (error !== undefined) return skip(t, 'there is no promtool')
    const check = () => readWebConfig(path, () => {})
    if (status === 0) t.notThrows(check, text)
    else t.throws(check, { instanceOf: ConfigError }, text)
  }
})
