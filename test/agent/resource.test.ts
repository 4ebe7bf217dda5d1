import test from 'ava'
import { createResource } from '../../src/agent/resource.ts'
import { loadConfig } from '../../src/config/load.ts'

/** Attributes of the Resource with these variables. */
function attributes(environment: NodeJS.ProcessEnv) {
  const { config } = loadConfig({ file: undefined, flags: new Map(), environment })
  return createResource(config, '1.2.3', environment).attributes
}

test('without variables the service is the agent', (t) => {
  t.like(attributes({}), { 'service.name': 'otel-interrogator', 'service.version': '1.2.3' })
})

test('OTEL_RESOURCE_ATTRIBUTES gives name and version of the service', (t) => {
  const OTEL_RESOURCE_ATTRIBUTES = 'service.name=node-agent,service.version=7,team=a%20b'
  t.like(attributes({ OTEL_RESOURCE_ATTRIBUTES }), {
    'service.name': 'node-agent',
    'service.version': '7',
    team: 'a b',
    'os.type': 'linux',
  })
})

test('OTEL_SERVICE_NAME counts over OTEL_RESOURCE_ATTRIBUTES', (t) => {
  const variables = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=a', OTEL_SERVICE_NAME: 'b' }
  t.is(attributes(variables)['service.name'], 'b')
})
