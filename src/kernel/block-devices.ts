/** Names of block devices by their numbers: `/sys/dev/block/MAJOR:MINOR` is a link to the device. */
import { readlinkSync } from 'node:fs'
import { posix } from 'node:path'

/** Looks a device up once; one without a name keeps its numbers. */
export function blockDeviceNames(root = '/sys/dev/block'): (device: string) => string {
  const names = new Map<string, string>()
  return (device) => {
    let name = names.get(device)
    if (name === undefined) {
      name = lookUp(root, device)
      names.set(device, name)
    }
    return name
  }
}

function lookUp(root: string, device: string): string {
  try {
    return posix.basename(readlinkSync(`${root}/${device}`))
  } catch {
    return device
  }
}
