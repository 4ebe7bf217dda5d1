/** Settings of the agent's identity (Resource) and of its log. */
import { KEY_VALUES, oneOf, TEXT } from '../lib/settings/formats.ts'
import { setting } from '../lib/settings/setting.ts'

const service = {
  name: setting({
    doc: "The agent's service.name. By default service.name of resource.attributes, else otel-interrogator.",
    format: TEXT,
    default: undefined,
    variables: ['OTEL_SERVICE_NAME'],
  }),
}

const resource = {
  attributes: setting({
    doc: 'Further attributes of the Resource.',
    format: KEY_VALUES,
    default: new Map(),
    variables: ['OTEL_RESOURCE_ATTRIBUTES'],
  }),
}

const log = {
  level: setting({
    doc: 'Least severity that is logged.',
    format: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    default: 'info',
  }),
}

/** The sections `service`, `resource` and `log` of the schema. */
export const IDENTITY_SETTINGS = {
  service,
  resource,
  log,
}
