import { expect, test } from 'vitest'
import { resolveCall } from '../../../src/api/cerobot/call.ts'

function resolve(request: string, given: readonly string[] = []): unknown {
  const [method = '', path = ''] = request.split(' ')
  return resolveCall(method, path, new Set(given))
}

test.each([
  ['POST /repo', { kind: 'create_repo' }],
  ['POST /repo/', { kind: 'create_repo' }],
  ['POST /app/branch/main//', { kind: 'sync_branch', repo: 'app', branch: 'main' }],
  ['GET /repo', { kind: 'list_repos' }],
  ['PUT /repo/app', { kind: 'set_repo_enabled', repo: 'app' }],
  ['DELETE /repo/app', { kind: 'delete_repo', repo: 'app' }],
  ['POST /repo/app', { kind: 'sync_repo', repo: 'app' }],
  ['POST /repo/a%2Fb%20c', { kind: 'sync_repo', repo: 'a/b c' }],
  ['POST /repo/%E4%BB%93%E5%BA%93', { kind: 'sync_repo', repo: '仓库' }],
  ['POST /repo/a+b', { kind: 'sync_repo', repo: 'a+b' }],
  ['POST /repo/100%25', { kind: 'sync_repo', repo: '100%' }],
  ['PUT /repo/app/repo_addr', { kind: 'update_addresses', repo: 'app' }],
  ['GET /repo/logs', { kind: 'list_logs', repo: undefined }],
  ['GET /repo/app/logs', { kind: 'list_logs', repo: 'app' }],
  ['GET /repo/logs/logs', { kind: 'list_logs', repo: 'logs' }],
  ['POST /repo/logs', { kind: 'sync_repo', repo: 'logs' }],
  ['POST /app/branch', { kind: 'create_branch', repo: 'app' }],
  ['GET /app/branch', { kind: 'list_branches', repo: 'app' }],
  ['POST /app/branch/main', { kind: 'sync_branch', repo: 'app', branch: 'main' }],
  ['PUT /app/branch/a/b/c', { kind: 'set_branch_enabled', repo: 'app', branch: 'a/b/c' }],
  ['DELETE /app/branch/a%2Fb/c', { kind: 'delete_branch', repo: 'app', branch: 'a/b/c' }],
  ['POST /app/branch/branch', { kind: 'sync_branch', repo: 'app', branch: 'branch' }],
  ['POST /branch/branch', { kind: 'create_branch', repo: 'branch' }],
  ['POST /branch/branch/branch', { kind: 'sync_branch', repo: 'branch', branch: 'branch' }],
  ['POST /repo/branch/main', { kind: 'sync_branch', repo: 'repo', branch: 'main' }],
  ['DELETE /repo/branch/repo_addr', { kind: 'delete_branch', repo: 'repo', branch: 'repo_addr' }],
  ['PUT /repo/branch/repo_addr/x', { kind: 'set_branch_enabled', repo: 'repo', branch: 'repo_addr/x' }],
  ['GET /repo/branch', { kind: 'list_branches', repo: 'repo' }],
  ['GET /repo/branch/logs', { kind: 'list_logs', repo: 'branch' }],
  ['POST /repo/branch', { kind: 'sync_repo', repo: 'branch' }],
  ['PUT /repo/branch', { kind: 'set_repo_enabled', repo: 'branch' }],
  ['DELETE /repo/branch', { kind: 'delete_repo', repo: 'branch' }],
])('%s means %j', (request, call) => {
  const resolved = resolve(request)

  expect(resolved).toEqual(call)
})

test.each([
  ['POST /repo/branch', ['internal_branch_name'], { kind: 'create_branch', repo: 'repo' }],
  ['POST /repo/branch', ['enable', 'external_branch_name'], { kind: 'create_branch', repo: 'repo' }],
  ['POST /repo/branch', ['force_flag'], { kind: 'sync_repo', repo: 'branch' }],
  ['POST /repo/app', ['internal_branch_name'], { kind: 'sync_repo', repo: 'app' }],
  [
    'PUT /repo/branch/repo_addr',
    ['enable'],
    { kind: 'set_branch_enabled', repo: 'repo', branch: 'repo_addr' },
  ],
  ['PUT /repo/branch/repo_addr', ['inter_token'], { kind: 'update_addresses', repo: 'branch' }],
  ['PUT /repo/branch/repo_addr', ['enable', 'exter_token'], { kind: 'update_addresses', repo: 'branch' }],
  ['PUT /repo/app/repo_addr', ['enable'], { kind: 'update_addresses', repo: 'app' }],
])('%s with %j means %j', (request, given, call) => {
  const resolved = resolve(request, given)

  expect(resolved).toEqual(call)
})

test.each([
  'GET /',
  'GET /app',
  'PATCH /repo',
  'PATCH /repo/app',
  'GET /repo/app',
  'POST /repo/app/repo_addr',
  'POST /repo/app/logs',
  'PUT /repo/app/repo_addr/x',
  'PUT /repo',
  'PUT /app/branch',
  'GET /app/branch/main',
  'PATCH /app/branch/main',
  'POST /a/b/branch',
  'POST /app/branches',
  'POST /repo/%zz',
  'POST /repo/%ff',
])('%s is no call', (request) => {
  const resolved = resolve(request)

  expect(resolved).toBeUndefined()
})
