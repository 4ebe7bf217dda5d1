/**
 * Builds the programs: C by clang, a light skeleton by bpftool, and of its header the bytes that the agent loads
 * (NAME.skel: a line of JSON, then the loader's data and its instructions). With --check it compares instead of writing.
 *
 * The same bytes come of the same clang and bpftool: those of Debian 12 (clang 14, bpftool 7.1).
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SOURCES = fileURLToPath(new URL('.', import.meta.url))
const TARGET = fileURLToPath(new URL('..', import.meta.url))
const PROGRAMS = ['tasks', 'exits']
/** What clang 14 and bpftool 7.1 say of themselves. */
const TOOLS = { clang: / version 14\./, bpftool: /v7\.1\./ }

const isCheck = process.argv.includes('--check')
for (const [tool, version] of Object.entries(TOOLS)) {
  const said = execFileSync(tool, [tool === 'clang' ? '--version' : 'version'], {
    encoding: 'utf8',
  })
  if (!version.test(said)) {
    process.stderr.write(
      `${tool} is another version than the programs are built by (${version.source}):\n${said}\n`,
    )
    process.exit(1)
  }
}
const directory = mkdtempSync(join(tmpdir(), 'bpf-build-'))
try {
  for (const name of PROGRAMS) {
    const bytes = build(name)
    const file = join(TARGET, `${name}.skel`)
    if (!isCheck) writeFileSync(file, bytes)
    else if (!readFileSync(file).equals(bytes)) {
      process.stderr.write(`${name}.skel is not what its source gives: npm run build:bpf\n`)
      process.exitCode = 1
    }
    process.stdout.write(`${name}.skel: ${bytes.length} bytes\n`)
  }
} finally {
  rmSync(directory, { recursive: true })
}

function build(name) {
  const object = join(directory, `${name}.o`)
  const flags = [
    '-O2',
    '-g',
    '-target',
    'bpf',
    '-mcpu=v3',
    '-Wall',
    '-Werror',
    '-Wno-unused-function',
  ]
  const place = ['-fdebug-compilation-dir=.', `-I${SOURCES}`, '-c', `${name}.bpf.c`, '-o', object]
  execFileSync('clang', [...flags, ...place], { cwd: SOURCES, stdio: 'inherit' })
  execFileSync('llvm-strip', ['-g', object], { stdio: 'inherit' })
  const arguments_ = ['gen', 'skeleton', '-L', object, 'name', name]
  const header = execFileSync('bpftool', arguments_, {
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return skeleton(name, header)
}

/** The maps and programs in the order of the loader's context, the maps' first contents, and the loader itself. */
function skeleton(name, header) {
  const struct = header.slice(header.indexOf(`struct ${name} {`), header.indexOf('} progs;'))
  const names = (kind) =>
    [...struct.matchAll(new RegExp(`struct ${kind} (\\w+);`, 'g'))].map(([, word]) => word)
  const contents = {}
  for (const [start, map] of header.matchAll(/skel->(\w+) = skel_prep_map_data\(/g)) {
    contents[map] = literal(header, start).toString('base64')
  }
  const data = sized(header, 'data')
  const instructions = sized(header, 'insns')
  const description = {
    maps: names('bpf_map_desc'),
    programs: names('bpf_prog_desc'),
    contents,
    data: data.length,
  }
  return Buffer.concat([Buffer.from(`${JSON.stringify(description)}\n`), data, instructions])
}

function sized(header, what) {
  const bytes = literal(header, `opts.${what} = `)
  const size = Number(header.match(new RegExp(`opts\\.${what}_sz = (\\d+)`))?.[1])
  if (bytes.length !== size) throw new Error(`${what} has ${bytes.length} bytes, not ${size}`)
  return bytes
}

/** The bytes of the C string literal after `start`. */
function literal(text, start) {
  const opening = text.indexOf('"', text.indexOf(start)) + 1
  const bytes = []
  for (let at = opening; text[at] !== '"'; at++) {
    if (text[at] !== '\\') {
      bytes.push(text.charCodeAt(at))
      continue
    }
    at++
    if (text[at] === '\n') continue
    if (text[at] === 'x') {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16))
      at += 2
    } else bytes.push({ n: 10, t: 9, r: 13, 0: 0, '\\': 92, '"': 34 }[text[at]])
  }
  return Buffer.from(bytes)
}
