/** Settings of KubeVirt's virtual machines. */
import { KUBEVIRT_TARGETS } from '../kubevirt-targets.ts'
import { BOOLEAN, oneOf } from '../types.ts'
import { type SettingTable, setting } from './setting.ts'

export const KUBEVIRT_SETTINGS: SettingTable = {
  'kubevirt.enabled': setting({
    doc: 'Whether the processes of virtual machines are measured, where there are any: each new process is looked at once.',
    type: BOOLEAN,
    default: true,
  }),
  'kubevirt.targets': setting({
    doc: 'Processes to measure, by patterns of their arguments; without any, all those of virt-launcher pods.',
    type: KUBEVIRT_TARGETS,
    default: [],
  }),
  'kubevirt.info': setting({
    doc: 'Whether kubevirt_info is exported; KubeVirt itself exports that name, too.',
    type: BOOLEAN,
    default: false,
  }),
  'compat.kubevirt': setting({
    doc: 'Whether labels and types are those of kubevirt-metrics-collector also where they are wrong: CPU time as a gauge, machines of the same name as one.',
    type: oneOf('corrected', 'strict'),
    default: 'corrected',
  }),
}
