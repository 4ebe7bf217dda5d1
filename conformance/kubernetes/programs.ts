/** Programs of a cluster, built from the Go module proxy and kept for later runs. */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, type Scope } from '../support/children.ts'
import { isInstalled, MissingPeer } from '../support/packages.ts'

/** One module of ours in this folder, and what is built of it. */
interface Recipe {
  /** The module whose version names the directory in the cache. */
  readonly module: string
  /** Import paths of main packages; `.` is the module's own. */
  readonly packages: readonly string[]
  readonly tags?: readonly string[]
  /** Variables of packages that hold the version, as the linker's `-X` takes them. */
  readonly variables?: (version: string) => Readonly<Record<string, string>>
}

const VERSION_PACKAGES = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']

const RECIPES = {
  cluster: {
    module: 'k8s.io/kubernetes',
    packages: ['.'],
    variables: (version) =>
      Object.fromEntries(
        VERSION_PACKAGES.flatMap((name) => [
          [`${name}.gitVersion`, version],
          [`${name}.gitMajor`, '1'],
          [`${name}.gitMinor`, version.split('.')[1] ?? ''],
          [`${name}.gitTreeState`, 'clean'],
          [`${name}.buildDate`, '2026-01-01T00:00:00Z'],
        ]),
      ),
  },
  containerd: {
    module: 'github.com/containerd/containerd/v2',
    packages: ['containerd', 'containerd-shim-runc-v2', 'ctr'].map(
      (name) => `github.com/containerd/containerd/v2/cmd/${name}`,
    ),
    tags: ['no_btrfs', 'no_zfs', 'no_devmapper'],
    variables: (version) => ({
      'github.com/containerd/containerd/v2/version.Version': version.slice(1),
    }),
  },
  helm: { module: 'helm.sh/helm/v3', packages: ['helm.sh/helm/v3/cmd/helm'] },
  // Debian's is built without the discovery of Kubernetes.
  prometheus: {
    module: 'github.com/prometheus/prometheus',
    packages: ['github.com/prometheus/prometheus/cmd/prometheus'],
    tags: ['remove_all_sd', 'enable_kubernetes_sd'],
  },
  'prometheus-operator': {
    module: 'github.com/prometheus-operator/prometheus-operator',
    packages: ['github.com/prometheus-operator/prometheus-operator/cmd/operator'],
  },
} satisfies Readonly<Record<string, Recipe>>

export type ProgramSet = keyof typeof RECIPES

export interface Programs {
  readonly version: string
  /** Where the programs are. */
  readonly directory: string
}

/**
 * Gives a set of programs, built when the cache doesn't have it: `cluster` takes about six minutes of two cores, each of
 * the others about two.
 *
 * @throws MissingPeer without Go, or when its modules can't be had.
 */
export async function buildPrograms(
  scope: Scope,
  set: ProgramSet,
  print: (line: string) => void,
): Promise<Programs> {
  const recipe: Recipe = RECIPES[set]
  const source = fileURLToPath(new URL(set, import.meta.url))
  const digest = createHash('sha256').update(JSON.stringify(RECIPES[set]))
  for (const file of readdirSync(source).sort()) digest.update(readFileSync(join(source, file)))
  const version = versionOf(join(source, 'go.mod'), recipe.module)
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'otel-interrogator')
  const name = `${set}-${version}-${process.arch}-${digest.digest('hex').slice(0, 12)}`
  const directory = join(cache, name)
  if (existsSync(directory)) return { version, directory }
  if (!isInstalled('go')) throw new MissingPeer(`there is no Go to build ${set} ${version} with`)
  print(`building ${set} ${version}, which takes some minutes the first time`)
  const output = join(scope.directory(), 'bin')
  mkdirSync(output)
  const values = Object.entries(recipe.variables?.(version) ?? {})
  const link = ['-s', '-w', ...values.map(([key, value]) => `-X ${key}=${value}`)].join(' ')
  const began = Date.now()
  const built = await run(
    'go',
    [
      ...['-C', source, 'build', '-trimpath', '-buildvcs=false', `-ldflags=${link}`],
      ...['-tags', (recipe.tags ?? []).join(','), '-o', `${output}/`, ...recipe.packages],
    ],
    undefined,
    { CGO_ENABLED: '0' },
  )
  if (built.code !== 0) {
    const end = built.output.trim().split('\n').slice(-3).join(' ')
    throw new MissingPeer(`${set} ${version} can't be built: ${end}`)
  }
  print(`built in ${Math.round((Date.now() - began) / 1000)} s`)
  keep(output, directory)
  return { version, directory }
}

/** Copies beside and renames, so that a run that is cut off leaves no half of it. */
function keep(output: string, directory: string): void {
  const fresh = `${directory}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  for (const file of readdirSync(output)) copyFileSync(join(output, file), join(fresh, file))
  try {
    renameSync(fresh, directory)
  } catch {
    // Another run was faster.
    rmSync(fresh, { recursive: true, force: true })
  }
}

function versionOf(goMod: string, module: string): string {
  const line = readFileSync(goMod, 'utf8')
    .split('\n')
    .map((text) => text.trim().replace(/^require /, ''))
    .find((text) => text.startsWith(`${module} v`))
  if (line === undefined) throw new Error(`${goMod} does not require ${module}`)
  return line.split(' ')[1] as string
}
