import test from 'ava'
import { inClusterServer } from '../../../../src/workloads/sources/kubernetes/credentials.ts'

test('the API server of a pod', (t) => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' }
  t.deepEqual(inClusterServer(env), { host: 'fd00::1', port: 6443 })
  t.is(inClusterServer({ ...env, KUBERNETES_SERVICE_PORT: '' }).port, 443)
  t.throws(() => inClusterServer({ ...env, KUBERNETES_SERVICE_PORT: 'tcp://10.0.0.1:443' }), {
    message: /KUBERNETES_SERVICE_PORT is no port/,
  })
  t.throws(() => inClusterServer({}), { message: /KUBERNETES_SERVICE_HOST is not set/ })
})
