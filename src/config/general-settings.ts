/** Settings of the agent as a whole: what it reads and how metrics leave it. */

import { DIRECTORY, duration, integer, listOf, oneOf } from '../lib/settings/formats.ts'
import { HOUR, SECOND, setting } from '../lib/settings/setting.ts'
import { PROFILE_NAMES } from './profiles.ts'

const procfs = {
  root: setting({
    doc: 'Where the procfs of the node is mounted.',
    format: DIRECTORY,
    default: '/proc',
    variables: ['HOST_PROC'],
    flags: ['procfs'],
  }),
}

const collection = {
  max_age: setting({
    doc: 'How long a collection serves further scrapes and pushes. A push also carries the last collection that was made for a scrape since the push before, with its time: only where nothing scrapes a push collects by itself.',
    format: duration(0, HOUR),
    default: SECOND,
  }),
  interval: setting({
    doc: 'How often the agent collects by itself, besides at scrapes and pushes: the resolution of what needs one, such as process groups in the recorder. 0s is off.',
    format: duration(0, HOUR),
    default: 0,
  }),
}

const agent = {
  seccomp: setting({
    doc: 'Whether the started agent gives up, by a seccomp filter, what it does not need: to open files for writing and change any other, to start programs, to signal, trace and change other processes, to mount. auto does so where the kernel allows; the log says where not. It takes koffi.',
    format: oneOf('auto', 'off'),
    default: 'auto',
    flags: ['seccomp'],
  }),
}

const limits = {
  series: setting({
    doc: 'Series that a collector may have; those beyond are left out and counted, of the metrics with the most series first. 0 for no limit.',
    format: integer(0, 100_000_000),
    default: 200_000,
  }),
}

/** Settings that belong to no collector and no output. */
export const GENERAL_SETTINGS = {
  profile: setting({
    doc: "Another set of defaults; process-exporter: that program's port, metrics and labels, and nothing else. It is the default when the program is called process-exporter or prometheus-process-exporter.",
    format: oneOf(...PROFILE_NAMES),
    default: 'none',
  }),
  exporters: setting({
    doc: 'How metrics leave the agent.',
    format: listOf(oneOf('prometheus', 'otlp', 'none')),
    default: ['prometheus', 'otlp'],
    variables: ['OTEL_METRICS_EXPORTER'],
  }),
  procfs,
  collection,
  agent,
  limits,
}
