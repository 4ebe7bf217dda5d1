/** Settings of the recorder: the last minutes of the node in memory, and the peaks that come from it. */
import { BOOLEAN, duration, size } from '../lib/settings/formats.ts'
import { HOUR, KIB, MIB, SECOND, setting } from '../lib/settings/setting.ts'

const recorder = {
  enabled: setting({
    doc: 'Whether the last minutes of groups, containers, pods and the node are kept in memory, for the page and the peak metrics.',
    format: BOOLEAN,
    default: false,
  }),
  interval: setting({
    doc: 'Resolution of what is recorded of cgroups and the node. Process groups have that of collections: scrapes, pushes and collection.interval; where none of these collects for 15s, the recorder does.',
    format: duration(SECOND / 4, 60 * SECOND),
    default: SECOND,
  }),
  window: setting({
    doc: 'How much of the past is kept.',
    format: duration(60 * SECOND, 24 * HOUR),
    default: 900 * SECOND,
  }),
  max_memory: setting({
    doc: 'Memory for the past; where it is too small for all, the largest entities have a past of their own, and the others of their kind one in sum.',
    format: size(256 * KIB, 4096 * MIB),
    default: 32 * MIB,
  }),
}

/** The section `recorder` of the schema. */
export const RECORDER_SETTINGS = { recorder }
