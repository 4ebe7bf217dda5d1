/** The page as it is served; `npm run conformance -- page` looks at it in a browser. */
import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { pageRoutes } from '../../src/web/page-route.ts'
import { startWebServer } from '../../src/web/server.ts'
import { limitsWith } from '../support/web-limits.ts'

const DIRECTORY = fileURLToPath(new URL('../../src/web/page', import.meta.url))

test('every file of the page is served, compressed, under a policy without anything inline', async (t) => {
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes: new Map(pageRoutes()),
    limits: limitsWith(),
  })
  t.teardown(() => server.close(100))
  const paths = pageRoutes().map(([path]) => path)
  const files = globSync('*', { cwd: DIRECTORY }).filter((file) => file !== 'index.html')
  t.true(files.length > 10)
  for (const file of files) t.true(paths.includes(`/page/${file}`), file)
  for (const path of paths) {
    const response = await fetch(server.url + path)
    t.is(response.status, 200, path)
    t.true((await response.text()).length > 100, path)
    const policy = response.headers.get('content-security-policy') ?? ''
    t.regex(policy, /default-src 'none'/)
    t.notRegex(policy, /unsafe|https?:|\*|data:/)
    t.is(response.headers.get('x-content-type-options'), 'nosniff')
  }
})

test('the page asks nobody else, and makes no markup from text', (t) => {
  for (const file of globSync(`${DIRECTORY}/*`)) {
    const text = readFileSync(file, 'utf8')
    const elsewhere = text.match(/https?:\/\/(?!www\.w3\.org\/2000\/svg)\S+/g)
    t.is(elsewhere, null, basename(file))
    t.notRegex(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|srcdoc/, file)
    t.notRegex(text, /\sstyle="|\son\w+="/, file)
  }
})
