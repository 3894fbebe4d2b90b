import { expect, test } from 'vitest'
import { z } from 'zod'
import { aNumber, aText, aTime, bindBranches, openWorld } from './world.ts'

test('logs are found by repository, by branch, by both, and by neither', async () => {
  await using world = await openWorld()
  const { internal } = await bindBranches(world)
  const other = await world.bind('other,one')
  await world.work.push(other.internal, 'HEAD:refs/heads/main')
  await world.work.push(internal, 'HEAD:refs/heads/inner')
  await world.call('POST', '/app/branch/inner?sync_direct=1')
  await world.call('POST', '/repo/other%2Cone')

  const found = async (query: string): Promise<unknown> => {
    const { body } = await world.call('GET', query)
    const rows = z
      .array(z.object({ repo_name: z.string(), branch_id: z.number().nullable() }))
      .parse(body.data)
    return [body.total, ...rows.map((row) => `${row.repo_name} ${row.branch_id ?? 'whole'}`)]
  }

  expect({
    repo: await found('/repo/logs?repo_name=app'),
    repos: await found('/repo/logs?repo_name=app,nobody'),
    comma: await found('/repo/logs?repo_name=other,one'),
    branch: await found('/repo/logs?branch_id=1,2,3'),
    both: await found('/repo/logs?repo_name=app&branch_id=2'),
    neither: await found('/repo/logs'),
    pathWhole: await found('/repo/app/logs'),
    pathBranch: await found('/repo/app/logs?branch_id=1'),
    pathComma: await found('/repo/other%2Cone/logs'),
    unknown: await found('/repo/nobody/logs'),
  }).toEqual({
    repo: [1, 'app 1'],
    repos: [1, 'app 1'],
    comma: [1, 'other,one whole'],
    branch: [1, 'app 1'],
    both: [0],
    neither: [0],
    pathWhole: [0],
    pathBranch: [1, 'app 1'],
    pathComma: [1, 'other,one whole'],
    unknown: [0],
  })
})

test('a log row names the commit of a branch, and none of a whole repository', async () => {
  await using world = await openWorld()
  const { commit } = await bindBranches(world)
  const whole = await world.bind('whole')
  await world.work.push(whole.internal, 'HEAD:refs/heads/main')
  await world.call('POST', '/app/branch/inner?sync_direct=1')
  await world.call('POST', '/repo/whole')

  const rows = [
    await world.call('GET', '/repo/app/logs', { branch_id: '1' }),
    await world.call('GET', '/repo/whole/logs'),
  ]

  const row = {
    id: aNumber,
    sync_direct: 'to_outer',
    log: aText,
    created_at: aTime,
    update_at: aTime,
  }
  expect(rows.map(({ body }) => body.data)).toEqual([
    [{ ...row, branch_id: 1, repo_name: 'app', commit_id: commit.slice(0, 7) }],
    [{ ...row, branch_id: null, repo_name: 'whole', commit_id: null }],
  ])
})

test('the logs of a repository outlive it', async () => {
  await using world = await openWorld()
  await world.bind('app')
  await world.call('POST', '/repo/app')

  const deleted = await world.call('DELETE', '/repo/app')
  const logs = await world.call('GET', '/repo/app/logs')

  expect(deleted.body).toEqual({ code_status: 0, data: null, total: null, msg: '操作成功' })
  expect(logs.body.total).toBe(1)
})
