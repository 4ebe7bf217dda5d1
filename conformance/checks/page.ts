import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { parseSamples } from '../../test/support/exposition.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import { openPage, startBrowser, titles } from '../page/browser.ts'
import { startHostile, VISIBLE } from '../page/hostile.ts'
import { OWN_RULES, RULES, startManyGroups, startPods } from '../page/stage.ts'
import { startAgent } from '../support/agent.ts'
import { makeCgroup } from '../support/cgroups.ts'
import { endChild, Scope } from '../support/children.ts'
import { get } from '../support/http.ts'
import { MissingPeer } from '../support/packages.ts'
import { allOf } from '../support/parallel.ts'
import { writeProgram } from '../support/programs.ts'

const PICTURE = fileURLToPath(new URL('../../docs/page.png', import.meta.url))
const RECORDED = ['--recorder.enabled', '--collection.interval=2s']

export const check: Check = {
  title:
    'the page in a real browser: policy, live table, plots, keyboard, hostile names, a crowd, a spike',

  async run({ scope, print }) {
    if (process.getuid?.() !== 0) throw new MissingPeer('only root can make cgroups')
    const browser = await startBrowser(scope)
    const pictures = mkdtempSync(join(tmpdir(), 'page-'))
    const show = async (part: Part) => {
      // Each on a node of its own.
      await using own = new Scope()
      await part({ scope: own, print }, browser, pictures)
    }
    await show(showsNode)
    // At once: nothing in them is held against a time.
    await allOf([show(survivesNames), show(worksWithoutRecorder)])
    await show(staysSmooth)
    await show(seesSpike)
    return `screenshots are in ${pictures}`
  },
}

type Part = (context: CheckContext, browser: Browser, pictures: string) => Promise<void>

/** What a person does in an incident, and what the README shows. */
const showsNode: Part = async ({ scope, print }, browser, pictures) => {
  const socket = await startPods(scope)
  const flags = [...RECORDED, `--workloads.cri-socket=${socket}`, '--node.name=node-a']
  // Others on this machine may use more than a process can.
  const agent = await startAgent(scope, flags, OWN_RULES)
  require(/"url":"http:/.test(agent.log[0] ?? ''), `the first line of the log: ${agent.log[0]}`)
  const { page, faults } = await openPage(browser, `${agent.url}/`)
  const program = join(scope.directory(), 'page-busy')
  writeProgram(program, 'busy')
  const started = performance.now()
  // Others want the CPUs, too.
  const busy = scope.spawn('chrt', ['--rr', '5', program])
  await until(
    async () => (await titles(page))[0] === 'page-busy',
    'the busy process is no first row',
  )
  const seconds = (performance.now() - started) / 1000
  print(`a busy process is the first row after ${seconds.toFixed(1)} s`)
  require(seconds < 3 || isBusyMachine(), `it took ${seconds} s`)

  await standsStill(page, busy, scope)
  await openRow(page, 'page-busy')
  await page.locator('#detail .plot').first().waitFor()
  await delay(4000)
  await endChild(busy)
  await delay(5000)
  const id = await idOf(agent.url, 'page-busy')
  const cpu = await pastOf(agent.url, id)
  const largest = Math.max(...cpu.map((value) => value ?? 0))
  require(largest > 0.2 && (cpu.at(-1) ?? 0) < 0.05, `the plot has no step: ${cpu.slice(-20)}`)
  require(await hasInk(page, '#detail .plot canvas'), 'the plot is empty')
  print(`its plot rises to ${largest.toFixed(2)} CPUs and falls`)
  await page.screenshot({ path: join(pictures, 'group.png') })

  await usesKeyboard(page)
  await downloads(page)
  await keepsView(browser, page, agent.url)

  await page.goto(`${agent.url}/#kind=container&by=namespace`)
  await page.reload()
  await page.locator('.row.heading').first().waitFor()
  const isForReadme = process.env.UPDATE_PICTURE === '1'
  // Lines of the last minutes begin to look like something.
  if (isForReadme) await delay(20_000)
  await page.locator('#search').fill('postgres')
  await openRow(page, 'postgres')
  // Those that have an image: others on this machine are nothing to look at.
  await page.locator('#search').fill(':')
  await page.locator('#search').blur()
  await delay(3000)
  const picture = isForReadme ? PICTURE : join(pictures, 'container.png')
  await page.screenshot({ path: picture })
  const shown = (await page.locator('#detail').textContent()) ?? ''
  const hasStorage = existsSync('/sys/fs/cgroup/blkio/cgroup.procs')
  require(!hasStorage || !shown.includes('not measured'), `of a container: ${shown}`)
  for (const view of ['agent', 'explain']) {
    await page.goto(`${agent.url}/#view=${view}`)
    await delay(1500)
    await page.screenshot({ path: join(pictures, `${view}.png`) })
  }
  await explains(page, agent.url, agent.pid)
  require(faults.list.length === 0, `the console says: ${faults.list.join('; ')}`)
  await context(page).close()

  for (const [name, view] of Object.entries({
    light: { scheme: 'light' as const },
    phone: { width: 390, height: 844, isPhone: true },
  })) {
    const other = await openPage(browser, `${agent.url}/#kind=container`, view)
    await delay(3000)
    await other.page.screenshot({ path: join(pictures, `${name}.png`) })
    const wide = await other.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    require(wide <= 0, `${name}: the page is ${wide} px too wide`)
    const background = await other.page.evaluate(
      () => getComputedStyle(document.body).backgroundColor,
    )
    const isLight = Number(/\d+/.exec(background)?.[0]) > 128
    require(isLight === (name === 'light'), `${name}: the background is ${background}`)
    require(other.faults.list.length === 0, `${name}: ${other.faults.list.join('; ')}`)
    await context(other.page).close()
  }
  print('no error under its policy; dark, light and on a phone')
}

async function usesKeyboard(page: Page): Promise<void> {
  // Under it rows would keep their places.
  await page.mouse.move(0, 0)
  await page.keyboard.press('Escape')
  require(await page.locator('#detail').isHidden(), 'Escape leaves the details open')
  await page.keyboard.press('2')
  await page.keyboard.press('/')
  await page.keyboard.type('shop')
  await page.waitForFunction(() => location.hash.includes('q=shop'))
  const found = await page.locator('.row:not([hidden])').count()
  require(found === 4, `a search for shop finds ${found} containers, not 4`)
  await page.keyboard.press('Enter')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.locator('#detail:not([hidden]) h2').waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('/')
  await page.keyboard.press('Escape')
  await page.keyboard.press('1')
  await page.keyboard.press('m')
  const memory = await column(page, 4)
  require(isFalling(memory), `sorted by memory: ${memory.slice(0, 8).join(', ')}`)
  await page.locator('[data-sort="name"]').click()
  const names = (await titles(page)).map((title) => title.toLowerCase())
  require(isFalling(names.toReversed()), `sorted by name: ${names.slice(0, 8).join(', ')}`)
  await page.keyboard.press('c')
  await page.keyboard.press('?')
  require(await page.locator('#keys').isVisible(), '? shows no keys')
  await page.keyboard.press('Escape')
}

async function downloads(page: Page): Promise<void> {
  const waiting = page.waitForEvent('download')
  await page.locator('#csv').click()
  const file = await (await waiting).path()
  const lines = readFileSync(file, 'utf8').trim().split('\r\n')
  require(/^kind,namespace,place,name,cpu \({cpu}\),/.test(lines[0]), `CSV begins with ${lines[0]}`)
  const count = await page.evaluate(() =>
    Number(document.querySelector('#table')?.getAttribute('aria-rowcount')),
  )
  require(lines.length === count, `CSV has ${lines.length} lines for ${count - 1} rows`)
}

/** Opens a row; under a pointer it keeps its place. */
async function openRow(page: Page, text: string): Promise<void> {
  const row = page.locator('.row:not([hidden]):not(.heading)', { hasText: text }).first()
  await row.hover()
  await row.click()
  const title = page.locator('#detail:not([hidden]) h2')
  await title.waitFor()
  const opened = await title.textContent()
  require(opened?.includes(text) === true, `a click on ${text} has opened ${opened}`)
}

/** Seconds for which a pointer moves over a row: other rows would have come before it. */
const POINTED_SECONDS = 8

/**
 * Rows keep their places under a pointer that moves, their values go on; the order is the right one when it leaves, and soon
 * when it rests.
 *
 * @param busy what the first row is about.
 */
async function standsStill(page: Page, busy: ChildProcess, scope: Scope): Promise<void> {
  const program = join(scope.directory(), 'page-other')
  writeProgram(program, 'busy')
  const first = page.locator('.row[data-index="0"]')
  const { x, y } = centreOf(await first.boundingBox())
  await page.mouse.move(x, y)
  const [aimedAt] = await titles(page)
  busy.kill('SIGSTOP')
  const other = scope.spawn('chrt', ['--rr', '5', program])
  for (let half = 0; half < 2 * POINTED_SECONDS; half++) {
    await page.mouse.move(x + (half % 2) * 3, y)
    await delay(500)
    const [title] = await titles(page)
    require(title === aimedAt, `under the pointer ${aimedAt} has become ${title}`)
  }
  const used = await column(page, 3)
  require(used.some(
    (value, index) => index > 0 && value > used[0],
  ), `under a pointer values stand still, too: ${used.slice(0, 8).join(', ')}`)
  await page.mouse.down()
  await page.mouse.up()
  const opened = page.locator('#detail:not([hidden]) h2')
  await opened.waitFor()
  const title = (await opened.textContent()) ?? ''
  require(title.includes(aimedAt), `a click on ${aimedAt} has opened ${title}`)
  await page.keyboard.press('Escape')

  await page.mouse.move(0, 0)
  await until(async () => (await titles(page))[0] === 'page-other', 'rows stand still unpointed')
  await page.mouse.move(x, y)
  busy.kill('SIGCONT')
  await endChild(other)
  await until(
    async () => (await titles(page))[0] === 'page-busy',
    'under a pointer that rests the order is never a new one',
  )
  await page.mouse.move(0, 0)
}

function centreOf(box: { x: number; y: number; width: number; height: number } | null) {
  if (box === null) throw new Error('no row')
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
}

/** A link shows what was shown where it comes from. */
async function keepsView(browser: Browser, page: Page, url: string): Promise<void> {
  await page.keyboard.press('2')
  await openRow(page, 'postgres')
  await page.locator('[data-range="60"]').click()
  await page.locator('#search').fill('payments')
  await page.waitForFunction(() => location.hash.includes('q=payments'))
  const { hash } = new URL(page.url())
  const other = await openPage(browser, `${url}/${hash}`)
  await other.page.locator('#detail h2', { hasText: 'postgres' }).waitFor()
  require((await other.page.locator('#search').inputValue()) === 'payments' &&
    (await other.page.locator('[data-range="60"]').getAttribute('aria-pressed')) ===
      'true', `the link ${hash} shows another view`)
  await context(other.page).close()
  await page.locator('#search').fill('')
  await page.locator('[data-range="300"]').click()
  await page.keyboard.press('Escape')
}

async function explains(page: Page, url: string, pid: number): Promise<void> {
  await page.goto(`${url}/#view=explain&pid=${pid}`)
  await page.reload()
  const text = page.locator('.rules')
  await text.waitFor()
  const said = (await text.textContent()) ?? ''
  require(said.includes(`process ${pid}`) &&
    /: (?:matches|does not match)/.test(said), `explain says: ${said}`)
  const stranger = await fetch(`${url}/api/v1/explain?pid=${pid}`).then(({ status }) => status)
  require(stranger === 200, `explain on loopback answers ${stranger}`)
}

/** Names of processes and containers are chosen by their users. */
const survivesNames: Part = async ({ scope, print }, browser, pictures) => {
  const socket = await startHostile(scope)
  const agent = await startAgent(scope, [...RECORDED, `--workloads.cri-socket=${socket}`], RULES)
  const { page, faults } = await openPage(
    browser,
    `${agent.url}/#kind=container&by=namespace&q=evil`,
  )
  const body = () => page.evaluate(() => document.body.innerText)
  await until(async () => (await body()).includes('evil'), 'the hostile namespace is not shown')
  for (const [kind, search] of Object.entries({ group: 'img', container: 'script', pod: 'svg' })) {
    await page.goto(`${agent.url}/#kind=${kind}&q=${search}`)
    const row = page.locator('.row:not([hidden])').first()
    await row.waitFor()
    const wanted = { group: VISIBLE.process, container: VISIBLE.container, pod: VISIBLE.pod }[kind]
    const title = await row.locator('.title').textContent()
    require(title === wanted, `${kind}: ${title}, not ${wanted}`)
    await row.click()
    await page.locator('#detail h2').waitFor()
    require((await page.locator('#detail h2 bdi').textContent()) === wanted, `${kind} in full`)
    await delay(1500)
  }
  await page.screenshot({ path: join(pictures, 'hostile.png') })
  for (const [search, wanted] of [
    ['gnp', VISIBLE.bidi],
    ['[31m', VISIBLE.control],
  ] as const) {
    await page.goto(`${agent.url}/#q=${encodeURIComponent(search)}`)
    await page.locator('.row:not([hidden])').first().waitFor()
    const [title] = await titles(page)
    require(title === wanted, `${title}, not ${wanted}`)
  }
  const alien = await page.evaluate(
    () => document.querySelectorAll('img, svg, h1 ~ h1, body script:not([src])').length,
  )
  require(alien === 0, `${alien} elements came from names`)
  require(faults.list.length === 0, `names did something: ${faults.list.join('; ')}`)
  await context(page).close()
  print('script, markup, bidirectional and control characters are text')
}

/** Without a recorder the page draws what it sees. */
const worksWithoutRecorder: Part = async ({ scope, print }, browser, pictures) => {
  const agent = await startAgent(scope, [], RULES)
  const { page, faults } = await openPage(browser, `${agent.url}/`)
  await delay(10_000)
  require(await hasInk(page, '#plots canvas'), 'the plots of the node are empty')
  const status = await page.locator('#status').textContent()
  require(status === 'live · since opened', `the status is ${status}`)
  await page.locator('.row:not([hidden])').first().click()
  await delay(3000)
  require(await hasInk(page, '#detail .plot canvas'), 'the plots of a group are empty')
  await page.screenshot({ path: join(pictures, 'without-recorder.png') })
  require(faults.list.length === 0, `the console says: ${faults.list.join('; ')}`)
  await context(page).close()
  print('without a recorder it draws what it has seen')
}

const GROUPS = 2000
const CONTAINERS = 500
const MAX_TASK_MILLISECONDS = 100
/** An interval between collections of the recorder is in it. */
const SHARE_SECONDS = 15

const staysSmooth: Part = async ({ scope, print }, browser, pictures) => {
  await startManyGroups(scope, GROUPS, CONTAINERS)
  const agent = await startAgent(scope, ['--recorder.enabled'], RULES)
  await delay(5000)
  const idle = await cpuShare(agent.pid, SHARE_SECONDS)
  const { page, faults } = await openPage(browser, `${agent.url}/`)
  await page.waitForFunction(
    (least) => Number(document.querySelector('#table')?.getAttribute('aria-rowcount')) > least,
    GROUPS,
  )
  const watched = await cpuShare(agent.pid, SHARE_SECONDS)
  await browser.startTracing(page, {
    categories: ['toplevel', 'disabled-by-default-devtools.timeline'],
  })
  await page.reload()
  await page.locator('.row:not([hidden])').first().waitFor()
  await delay(5000)
  await page.locator('#search').pressSequentially('crowd-19', { delay: 60 })
  await page.locator('#search').fill('')
  await page.locator('[data-sort="memory"]').click()
  await page.keyboard.press('n')
  await page.keyboard.press('5')
  for (let step = 0; step < 20; step++) {
    await page.locator('.tbody').evaluate((body) => body.scrollBy(0, 3000))
    await delay(100)
  }
  await delay(5000)
  await page.screenshot({ path: join(pictures, 'crowd.png') })
  const { cpu, wall } = longestTask(await browser.stopTracing())
  print(
    `${GROUPS} groups and ${CONTAINERS} containers: the longest task takes ${cpu.toFixed(0)} ms of CPU, ${wall.toFixed(0)} ms by the clock`,
  )
  require(cpu < MAX_TASK_MILLISECONDS, `a task takes ${cpu} ms`)
  require(faults.list.length === 0, `the console says: ${faults.list.join('; ')}`)
  await context(page).close()
  await delay(3000)
  const left = await cpuShare(agent.pid, SHARE_SECONDS)
  const percent = (share: number) => `${(share * 100).toFixed(2)} %`
  print(
    `the agent's CPU with the recorder: ${percent(idle)} before, ${percent(watched)} while one looks, ${percent(left)} after`,
  )
  require(watched - Math.min(idle, left) < 0.03, `the page costs ${percent(watched - idle)}`)
}

/** Of the thread that runs the page: milliseconds of its CPU time, and by the clock. */
function longestTask(trace: Buffer): { cpu: number; wall: number } {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] }
  const threads = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  )
  const tasks = traceEvents.filter(
    ({ name, pid, tid, tdur }) =>
      /RunTask|TaskGraphRunner/.test(name) && threads.has(`${pid} ${tid}`) && tdur !== undefined,
  )
  require(tasks.length > 100, `the trace has ${tasks.length} tasks`)
  return {
    cpu: Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000,
    wall: Math.max(...tasks.map(({ dur = 0 }) => dur)) / 1000,
  }
}

interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly dur?: number
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

/** Reads a cgroup's usage a hundred times a second for 14 s, and prints the most CPU time that it had within any one second. */
const ORACLE = `
import sys, time
readings = []
end = time.monotonic() + 14
while time.monotonic() < end:
    with open(sys.argv[1] + '/cpu.stat') as file:
        readings.append((time.monotonic(), int(file.readline().split()[1]) / 1e6))
    time.sleep(0.01)
most = 0
for index, (start, used) in enumerate(readings):
    for now, usage in readings[index:]:
        if now - start >= 1:
            most = max(most, (usage - used) / (now - start))
            break
print(most)
`

/** A second of two CPUs between two scrapes. */
const seesSpike: Part = async ({ scope, print }, browser, pictures) => {
  if (availableParallelism() < 2) throw new MissingPeer('a spike of two CPUs needs two')
  const id = '5b1ce000'.repeat(8)
  const path = `kubepods/burstable/pod5b1ce000-0000-4000-8000-000000000000/${id}`
  const directory = makeCgroup(scope, path)
  // What else runs on this machine must not take the spike's CPUs, nor the agent's.
  const agent = await startAgent(scope, ['--recorder.enabled'], RULES, ['chrt', '--rr', '20'])
  const scrape = async () => parseSamples(await get(`${agent.url}/metrics`))
  const find = (samples: Awaited<ReturnType<typeof scrape>>, name: string) =>
    samples.find((sample) => sample.name === name && sample.labels.container_id === id)?.value ??
    Number.NaN
  await delay(3000)
  const before = await scrape()
  const oracle = scope.spawn('chrt', ['--rr', '30', 'python3', '-c', ORACLE, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const answer = text(oracle.stdout as Readable)
  await delay(4000 + Math.random() * 1000)
  const script = `echo $$ > ${directory}/cgroup.procs; exec chrt --rr 10 timeout 1 sh -c 'while :; do :; done'`
  for (let cpu = 0; cpu < 2; cpu++) scope.spawn('sh', ['-c', script])
  await delay(10_000)
  const after = await scrape()
  const given = Number(await answer)
  const peak = find(after, 'container_cpu_usage_peak')
  const total = 'container_cpu_usage_time_seconds_total'
  const rate = (find(after, total) - find(before, total)) / 15
  print(
    `the kernel gave ${given.toFixed(2)} s of CPU in one second: the peak is ${peak.toFixed(2)}, rate() over 15 s is ${rate.toFixed(2)}`,
  )
  require(peak >= given * 0.9 && peak <= given * 1.05, `the peak is ${peak} of ${given}`)
  if (given >= 1.9) require(peak >= 1.8, `the peak is ${peak}`)
  const { page, faults } = await openPage(browser, `${agent.url}/#kind=container&q=${id}`)
  await page.locator('.row:not([hidden])').first().click()
  const peaks = page.locator('#detail .peaks')
  await peaks.waitFor()
  const shown = Number(/CPU ([\d.]+)/.exec((await peaks.textContent()) ?? '')?.[1])
  require(Math.abs(shown - peak) < 0.01, `the page shows a peak of ${shown}, not ${peak}`)
  await page.screenshot({ path: join(pictures, 'spike.png') })
  require(faults.list.length === 0, `the console says: ${faults.list.join('; ')}`)
  await context(page).close()
}

function context(page: Page) {
  return page.context()
}

async function until(holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!(await holds())) {
    require(performance.now() < deadline, otherwise)
    await delay(50)
  }
}

/** Whether others want more CPUs than there are: then seconds say little. */
function isBusyMachine(): boolean {
  const [load = '0'] = readFileSync('/proc/loadavg', 'utf8').split(' ')
  return Number(load) > availableParallelism()
}

async function idOf(url: string, name: string): Promise<number> {
  const live = JSON.parse(await get(`${url}/api/v1/live`)) as {
    entities: { id: number; attributes: Record<string, string> }[]
  }
  const entity = live.entities.find(({ attributes }) => attributes['procgroup.name'] === name)
  require(entity !== undefined, `the API knows no ${name}`)
  return entity.id
}

async function pastOf(url: string, id: number): Promise<(number | null)[]> {
  const { figures } = JSON.parse(await get(`${url}/api/v1/series?id=${id}`)) as {
    figures: { cpu: (number | null)[] }
  }
  return figures.cpu
}

/** Whether anything was drawn. */
function hasInk(page: Page, selector: string): Promise<boolean> {
  return page.evaluate((wanted) => {
    const canvas = document.querySelector<HTMLCanvasElement>(wanted)
    const context = canvas?.getContext('2d')
    if (!canvas || !context) return false
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height)
    const seen = new Set<number>()
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] > 0) seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2])
    }
    return seen.size > 3
  }, selector)
}

/** The numbers of a column as they are shown, in bytes where they have a unit. */
async function column(page: Page, index: number): Promise<number[]> {
  const texts = await page.evaluate(
    (at) =>
      [...document.querySelectorAll<HTMLElement>('.row:not([hidden])')]
        .sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index))
        .map((row) => row.children[at - 1]?.textContent ?? ''),
    index,
  )
  const units: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }
  return texts.map((text) => {
    const [number = '', unit = 'B'] = text.split(' ')
    return Number(number) * (units[unit] ?? 1)
  })
}

function isFalling(values: readonly (number | string)[]): boolean {
  return values.every((value, index) => index === 0 || values[index - 1] >= value)
}

/** The part of one CPU that a process uses. */
async function cpuShare(pid: number, seconds: number): Promise<number> {
  const ticks = () => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  }
  const before = ticks()
  await delay(seconds * 1000)
  return (ticks() - before) / 100 / seconds
}
