/** Settings of who the agent says it is, and of its log. */
import { KEY_VALUES, oneOf, TEXT } from '../types.ts'
import { type SettingTable, setting } from './setting.ts'

export const IDENTITY_SETTINGS: SettingTable = {
  'service.name': setting({
    doc: "The agent's service.name. By default service.name of resource.attributes, else otel-interrogator.",
    type: TEXT,
    default: undefined,
    variables: ['OTEL_SERVICE_NAME'],
  }),
  'resource.attributes': setting({
    doc: 'Further attributes of the Resource.',
    type: KEY_VALUES,
    default: new Map(),
    variables: ['OTEL_RESOURCE_ATTRIBUTES'],
  }),
  'node.name': setting({
    doc: 'Name of the node, for host.name; by default the name that the system has.',
    type: TEXT,
    default: undefined,
    variables: ['NODE_NAME', 'K8S_NODE_NAME', 'OTEL_K8S_NODE_NAME'],
  }),
  'log.level': setting({
    doc: 'Least severity that is logged.',
    type: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    default: 'info',
  }),
}
