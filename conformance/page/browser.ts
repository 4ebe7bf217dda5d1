/** A real browser, as Debian has it, and a page in it that tells of every fault. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Scope } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'

const PROGRAM = '/usr/bin/chromium'

export interface Faults {
  /** Errors and warnings of the console, exceptions, and requests that failed or went elsewhere. */
  readonly list: readonly string[]
}

/** @throws MissingPeer */
export async function startBrowser(scope: Scope): Promise<Browser> {
  await needPackage('chromium', PROGRAM)
  // What else the machine does is not to be counted as the page's slowness.
  const launcher = join(scope.directory(), 'chromium')
  const nice = process.getuid?.() === 0 ? 'nice -n -15 ' : ''
  writeFileSync(launcher, `#!/bin/sh\nexec ${nice}${PROGRAM} "$@"\n`)
  chmodSync(launcher, 0o755)
  const browser = await chromium.launch({
    executablePath: launcher,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  scope.onEnd(() => browser.close())
  return browser
}

export interface View {
  readonly width?: number
  readonly height?: number
  readonly scheme?: 'dark' | 'light'
  readonly isPhone?: boolean
}

/** Opens the page and waits until it shows rows. */
export async function openPage(
  browser: Browser,
  url: string,
  { width = 1440, height = 900, scheme = 'dark', isPhone = false }: View = {},
): Promise<{ page: Page; faults: Faults }> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    acceptDownloads: true,
    ...(isPhone && { isMobile: true, hasTouch: true, deviceScaleFactor: 2 }),
  })
  const page = await context.newPage()
  const list: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) list.push(message.text())
  })
  page.on('pageerror', (error) => list.push(`exception: ${error.message}`))
  page.on('dialog', (dialog) => {
    list.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url())
    if (origin !== new URL(url).origin && protocol !== 'blob:') list.push(`asked ${request.url()}`)
  })
  page.on('requestfailed', (request) => {
    // The page that is left behind gives its questions up.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') list.push(`failed ${request.url()}`)
  })
  await page.goto(url)
  await page.locator('.row:not([hidden])').first().waitFor({ timeout: 60_000 })
  return { page, faults: { list } }
}

/** The titles of the rows that are in sight, in their order. */
export function titles(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.row:not([hidden])')]
      .sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index))
      .map((row) => row.querySelector('.title')?.textContent ?? ''),
  )
}
