/** Settings of KubeVirt's virtual machines. */

import { BOOLEAN, oneOf } from '../../lib/settings/formats.ts'
import { setting } from '../../lib/settings/setting.ts'
import { KUBEVIRT_TARGETS } from './targets.ts'

const kubevirt = {
  enabled: setting({
    doc: 'Whether the processes of virtual machines are measured, where there are any; each new process is inspected once.',
    format: BOOLEAN,
    default: true,
  }),
  targets: setting({
    doc: 'Processes to measure, by patterns of their arguments; without any, all those of virt-launcher pods.',
    format: KUBEVIRT_TARGETS,
    default: [],
  }),
  info: setting({
    doc: 'Whether kubevirt_info is exported; KubeVirt itself exports that name, too.',
    format: BOOLEAN,
    default: false,
  }),
}

const compat = {
  kubevirt: setting({
    doc: 'Whether labels and types are those of kubevirt-metrics-collector its mistakes included: CPU time as a gauge, machines of the same name as one.',
    format: oneOf('corrected', 'strict'),
    default: 'corrected',
  }),
}

/** Settings of the collector of virtual machines, by section. */
export const KUBEVIRT_SETTINGS = {
  kubevirt,
  compat,
}
