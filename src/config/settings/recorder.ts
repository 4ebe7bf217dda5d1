/** Settings of the recorder: the last minutes of the node in memory, and the peaks that come from it. */
import { BOOLEAN, duration, size } from '../types.ts'
import { HOUR, KIB, MIB, SECOND, type SettingTable, setting } from './setting.ts'

export const RECORDER_SETTINGS: SettingTable = {
  'recorder.enabled': setting({
    doc: 'Whether the last minutes of groups, containers, pods and the node are kept in memory, for the page and the peak metrics.',
    type: BOOLEAN,
    default: false,
  }),
  'recorder.interval': setting({
    doc: 'Resolution of what is recorded of cgroups and the node. Process groups that are read from procfs have the resolution of collection.interval, or 10s where that is off.',
    type: duration(SECOND / 4, 60 * SECOND),
    default: SECOND,
  }),
  'recorder.window': setting({
    doc: 'How much of the past is kept.',
    type: duration(60 * SECOND, 24 * HOUR),
    default: 900 * SECOND,
  }),
  'recorder.max_memory': setting({
    doc: 'Memory for the past; where it is too small for all, the largest entities have a past of their own, and the others of their kind one in sum.',
    type: size(256 * KIB, 4096 * MIB),
    default: 32 * MIB,
  }),
}
