/** The metrics that the collector has of its own reading. */
import { metricTable } from '../../telemetry/definitions.ts'

export const READING_METRICS = metricTable({
  scope: 'process_groups',
  keys: {
    'procgroup.rules.reload.outcome': { description: '`success`, or `failure` for wrong rules' },
    'procgroup.source': { description: '`procfs`, or `bpf` for the task iterator of the kernel' },
    'process.file': { description: 'File of a process below /proc' },
    'error.type': { description: "The kernel's error, or EFORMAT for a file that can't be parsed" },
  },
  metrics: {
    collectionErrors: {
      description: 'Collections that failed as a whole',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.collection.failures', unit: '{failure}' },
      classic: { name: 'namedprocess_scrape_errors' },
    },
    processErrors: {
      description:
        'Readings of a process that failed as a whole; processes that ended are not counted',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.process.failures', unit: '{failure}' },
      classic: { name: 'namedprocess_scrape_procread_errors' },
    },
    partialErrors: {
      description: 'Readings of a process in which a part was missing',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.process.omissions', unit: '{omission}' },
      classic: { name: 'namedprocess_scrape_partial_errors' },
    },
    fileErrors: {
      description: 'Files of processes that could not be read',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.file.errors', unit: '{error}' },
    },
    source: {
      description: 'Where processes were read in the last collection: 1 for that source',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'procgroup.source.active', unit: '{source}' },
    },
    reloaded: reload('success'),
    refused: reload('failure'),
    grouped: outcome('grouped'),
    ignored: outcome('ignored'),
    vanished: outcome('vanished'),
    failed: outcome('failed'),
  },
})

function outcome(outcome: 'grouped' | 'ignored' | 'vanished' | 'failed') {
  return {
    description: 'Processes listed in the last collection, by what became of them',
    kind: 'gauge',
    valueType: 'int',
    otel: {
      name: 'procgroup.collection.processes',
      unit: '{process}',
      attributes: { 'procgroup.collection.outcome': outcome },
    },
  } as const
}

function reload(outcome: 'success' | 'failure') {
  return {
    description: 'Times that the rules were read again; wrong ones leave the old ones in force',
    kind: 'counter',
    valueType: 'int',
    otel: {
      name: 'procgroup.rules.reloads',
      unit: '{reload}',
      attributes: { 'procgroup.rules.reload.outcome': outcome },
    },
  } as const
}
