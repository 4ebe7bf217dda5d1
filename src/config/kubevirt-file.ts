/** The JSON file of kubevirt-metrics-collector, as a layer of the configuration. */
import { isMap, type Node } from 'yaml'
import { parseAddress } from '../lib/settings/formats.ts'
import { type Layers, notAllowed } from './layers.ts'
import { YamlFile } from './yaml-file.ts'

/** What its keys are called here. */
const SETTING_OF: Readonly<Record<string, string>> = {
  targets: 'kubevirt.targets',
  criendpoint: 'workloads.cri_socket',
  hostname: 'node.name',
}

/**
 * Sets what the file says; what is wrong with it is among the layers' problems.
 *
 * @returns what it says in vain.
 * @throws ConfigError when the file can't be read or isn't JSON.
 */
export function readKubevirtFile(layers: Layers, path: string): string[] {
  // JSON is YAML, and YAML has places.
  const file = new YamlFile(path)
  const { root } = file
  if (!isMap(root)) {
    const message = 'must be a JSON object with the keys targets, listenaddress, criendpoint, …'
    layers.problems.push(root === null ? { source: path, message } : file.problem(root, message))
    return []
  }
  const warnings: string[] = []
  for (const { key, keyNode, value } of file.entries(root)) {
    const given = value === null ? null : file.plain(value)
    const refuse = (message: string) =>
      layers.problems.push(file.problem(value ?? keyNode, message))
    const set = (setting: string, to: unknown) => {
      if (!layers.setValue(setting, to)) refuse(notAllowed(setting, to))
    }
    // Empty as left out, as the original has it.
    if (given === null || given === '') continue
    // Every object has a `constructor`, but it is no key.
    if (Object.hasOwn(SETTING_OF, key)) set(SETTING_OF[key], given)
    else if (key === 'debugmode') {
      if (given === true) set('log.level', 'debug')
    } else if (key === 'listenaddress') {
      const address = typeof given === 'string' ? parseAddress(given) : undefined
      if (address === undefined) refuse('listenaddress must be HOST:PORT or :PORT')
      else {
        set('prometheus.host', address.host)
        set('prometheus.port', Number(address.port))
      }
    } else
      warnings.push(
        `${place(file, keyNode)}: ${key === 'interval' ? INTERVAL : `unknown key ${key}`}`,
      )
  }
  return warnings
}

const INTERVAL = 'interval is not used: every scrape reads the processes anew'

function place(file: YamlFile, node: Node): string {
  return file.problem(node, '').source
}
