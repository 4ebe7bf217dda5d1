/** The page: files of this package, served as they are. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compressed } from './compressed.ts'
import type { Route } from './reply.ts'

/** Nothing from elsewhere, nothing inline, and no text that becomes markup. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const HEADERS = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  // A newer agent has a newer page.
  'Cache-Control': 'no-cache',
  Vary: 'Accept-Encoding',
}

const FILES = [
  'style.css',
  'main.js',
  'agent.js',
  'csv.js',
  'detail.js',
  'dom.js',
  'explain.js',
  'format.js',
  'names.js',
  'plots.js',
  'state.js',
  'store.js',
  'table.js',
  'icon.svg',
] as const
/** Of uPlot, which draws the plots. */
const PLOT_FILES = ['uPlot.iife.min.js', 'uPlot.min.css'] as const

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

const DIRECTORY = fileURLToPath(new URL('page', import.meta.url))

/** The routes of the page, by path. A file is read when it is asked for first. */
export function pageRoutes(): [string, Route][] {
  return [
    ['/', fileRoute('index.html')],
    ...FILES.map((name): [string, Route] => [`/page/${name}`, fileRoute(name)]),
    ...PLOT_FILES.map((name): [string, Route] => [`/page/${name}`, fileRoute(name)]),
  ]
}

function fileRoute(name: string): Route {
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)]
  let text: Buffer | undefined
  return (request) => {
    text ??= readFileSync(pathOf(name))
    return compressed(request, type, text, HEADERS)
  }
}

/** The library is beside the page once the package is built; before that, in node_modules. */
function pathOf(name: string): string {
  const own = join(DIRECTORY, name)
  if (existsSync(own)) return own
  const entry = createRequire(import.meta.url).resolve('uplot')
  return join(dirname(entry), name)
}
