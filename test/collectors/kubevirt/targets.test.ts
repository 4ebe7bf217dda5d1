/** `kubevirt.targets`: processes by patterns of their arguments. */
import test from 'ava'
import { compileTargets } from '../../../src/collectors/kubevirt/targets.ts'

test('arguments and patterns are compared as far as there are both', (t) => {
  const isTarget = compileTargets([
    { name: 'one', argv: ['/bin/a*', '-x'] },
    { name: 'two', argv: ['/bin/b'] },
  ])
  t.true(isTarget(['/bin/a']))
  t.true(isTarget(['/bin/abc', '-x', 'more']))
  t.false(isTarget(['/bin/a', '-y']))
  t.true(isTarget(['/bin/b', 'whatever']))
  t.true(isTarget(['/bin/a', '', '-x']))
  t.false(isTarget([]))
  t.false(isTarget(['']))
})
