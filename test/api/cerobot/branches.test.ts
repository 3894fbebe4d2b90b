import { expect, test } from 'vitest'
import { aTime, bindBranches, create, openWorld } from './world.ts'

test('a branch binding answers with its id, and is listed with its time', async () => {
  await using world = await openWorld()
  const { bound } = await bindBranches(world)

  const listed = await world.call('GET', '/app/branch')

  const branch = { id: 1, enable: true, internal_branch_name: 'inner', external_branch_name: 'outer' }
  expect(bound.body).toEqual({ code_status: 0, data: branch, total: null, msg: '操作成功' })
  expect(listed.body).toEqual({
    code_status: 0,
    data: [{ ...branch, created_at: aTime }],
    total: 1,
    msg: '操作成功',
  })
})

test('what cannot be done with branches has its documented number', async () => {
  await using world = await openWorld()
  await create(world, 'whole')
  await create(world, 'single', { sync_granularity: 2 })
  const branch = { enable: true, internal_branch_name: 'a', external_branch_name: 'a' }
  await world.call('POST', '/single/branch', branch)

  const answers = [
    await world.call('POST', '/single/branch', branch),
    await world.call('POST', '/single/branch', { ...branch, internal_branch_name: 'a..b' }),
    await world.call('GET', '/single/branch?page_num=2'),
    await world.call('POST', '/single/branch/a', { sync_direct: 3 }),
    await world.call('POST', '/whole/branch', branch),
    await world.call('GET', '/whole/branch'),
    await world.call('PUT', '/whole/branch/a', { enable: true }),
    await world.call('DELETE', '/whole/branch/a'),
    await world.call('POST', '/whole/branch/a', { sync_direct: 1 }),
  ]

  expect(answers.map(({ body }) => [body.code_status, body.msg])).toEqual([
    [10003, '分支已存在，请勿重复绑定'],
    [10001, '仓库地址格式有误，请检查'],
    [10013, '没有数据'],
    [10008, 'sync_direction: 1 表示内部仓库同步到外部, 2 表示外部仓库同步到内部'],
    [10004, '仓库粒度同步，无需添加分支信息'],
    [10014, '仓库粒度同步，没有分支信息'],
    [10014, '仓库粒度同步，没有分支信息'],
    [10011, '仓库粒度同步，没有分支可解绑'],
    [10014, '仓库粒度同步，没有分支信息'],
  ])
})
