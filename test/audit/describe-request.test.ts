import { expect, test } from 'vitest'
import { describeRequest } from '../../src/audit/describe-request.ts'

test.each([
  ['POST', '/api/v1/bindings', 'CREATE', 'binding', null, null],
  ['PUT', '/api/v1/bindings/app', 'UPDATE', 'binding', null, 'app'],
  ['PATCH', '/api/v1/bindings/%E7%BB%84%2F%E5%BA%93', 'UPDATE', 'binding', null, '组/库'],
  ['DELETE', '/api/v1/bindings/app/', 'DELETE', 'binding', null, 'app'],
  ['POST', '/api/v1/bindings/app/sync', 'SYNC', 'binding', null, 'app'],
  ['POST', '/api/v1/bindings/tasks/test', 'TEST', 'binding', null, 'tasks'],
  ['POST', '/api/v1/bindings/app/hooks', 'CREATE', 'hook', null, 'app'],
  ['POST', '/api/v1/bindings/app/hooks/3/rotate', 'ROTATE', 'hook', '3', 'app'],
  ['DELETE', '/api/v1/bindings/app/hooks/3', 'DELETE', 'hook', '3', 'app'],
  ['PUT', '/api/v1/bindings/app/forges/internal', 'UPDATE', 'forge', 'internal', 'app'],
  ['POST', '/api/v1/bindings/app/branches', 'CREATE_BRANCH', 'branch', null, 'app'],
  ['DELETE', '/api/v1/bindings/app/branches/feature/x', 'DELETE_BRANCH', 'branch', 'feature/x', 'app'],
  ['POST', '/api/v1/bindings/app/conflicts/feature%2Fx/resolve', 'RESOLVE', 'conflict', 'feature/x', 'app'],
  ['POST', '/api/v1/bindings/app/backups/7/restore', 'RESTORE', 'backup', '7', 'app'],
  ['POST', '/api/v1/repos', 'CREATE', 'repo', null, null],
  ['DELETE', '/api/v1/repos/3', 'DELETE', 'repo', '3', null],
  ['POST', '/api/v1/repos/3/branches/checkout', 'CHECKOUT_BRANCH', 'branch', null, '3'],
  ['POST', '/api/v1/sync/tasks', 'CREATE', 'task', null, null],
  ['POST', '/api/v1/sync/tasks/5/run', 'SYNC', 'task', '5', null],
  ['POST', '/api/v1/notification/channels/2/test', 'TEST', 'channel', '2', null],
  ['POST', '/api/v1/ssh-keys/1/rotate', 'ROTATE', 'ssh_key', '1', null],
  ['POST', '/api/v1/runs/4/cancel', 'CANCEL', 'run', '4', null],
  ['POST', '/api/v1/deliveries/4/replay', 'REPLAY', 'delivery', '4', null],
  [
    'DELETE',
    '/api/v1/host-keys/%5Bgit.example.com%5D:2222',
    'DELETE',
    'host_key',
    null,
    '[git.example.com]:2222',
  ],
  ['POST', '/cerobot/sync/repo', 'CREATE', 'binding', null, null],
  ['DELETE', '/cerobot/sync/repo/app', 'DELETE', 'binding', null, 'app'],
  ['POST', '/login', 'CREATE', 'login', null, null],
  ['POST', '/api/v1/brand-new/9/thing', 'CREATE', 'brand_new', null, null],
  ['POST', '/', 'CREATE', 'service', null, null],
  ['PURGE', '/api/v1/tokens/%zz', 'PURGE', 'token', '%zz', null],
])('%s %s is %s of a %s', (method, path, action, type, id, name) => {
  const subject = describeRequest(method, path)

  expect(subject).toEqual({ action, type, id, name })
})
