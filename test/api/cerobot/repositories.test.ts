import { expect, test } from 'vitest'
import { z } from 'zod'
import { PAIR, aTime, create, openWorld, twoLanguages } from './world.ts'
import type { World } from './world.ts'

const Named = z.array(z.looseObject({ repo_name: z.string() }))

async function names(world: World, query: string): Promise<readonly string[]> {
  const { body } = await world.call('GET', `/repo${query}`)
  return Named.parse(body.data).map((repo) => repo.repo_name)
}

test('binding a repository answers with what was bound, and without tokens', async () => {
  await using world = await openWorld()

  const { status, body } = await create(world, 'app', {
    sync_granularity: 2,
    sync_direction: 2,
    inter_token: 't',
  })

  expect(status).toBe(200)
  expect(body).toEqual({
    code_status: 0,
    data: {
      enable: true,
      repo_name: 'app',
      internal_repo_address: 'https://inner.example/o/r/app',
      external_repo_address: 'https://outer.example/o/r',
      sync_granularity: 'one',
      sync_direction: 'to_inter',
    },
    total: null,
    msg: '操作成功',
  })
})

test('repositories are listed newest first with their number, id and time of creation', async () => {
  await using world = await openWorld()
  for (const name of ['a', 'b', 'c']) await create(world, name, { sync_direction: 3 })

  const { body } = await world.call('GET', '/repo?page_size=2')

  expect(body).toMatchObject({ code_status: 0, total: 3, msg: '操作成功' })
  expect(body.data).toEqual([
    expect.objectContaining({
      id: 3,
      repo_name: 'c',
      sync_direction: 'both',
      created_at: aTime,
    }),
    expect.objectContaining({ id: 2, repo_name: 'b' }),
  ])
})

test('times are those of China', async () => {
  await using world = await openWorld()
  const before = Date.now()
  await create(world, 'app')

  const { body } = await world.call('GET', '/repo')

  const [repo] = z.array(z.object({ created_at: z.string() })).parse(body.data)
  const time = Date.parse(`${(repo?.created_at ?? '').replace(' ', 'T')}+08:00`)
  expect(time).toBeGreaterThanOrEqual(before - 1000)
  expect(time).toBeLessThanOrEqual(Date.now())
})

test('pages are asked for in the query or in the body, and the body wins', async () => {
  await using world = await openWorld()
  for (const name of ['a', 'b', 'c']) await create(world, name)

  const pages = {
    query: await names(world, '?page_num=2&page_size=1&create_sort=true'),
    none: await names(world, ''),
    beyond: await names(world, '?page_num=9'),
  }
  const fromBody = await world.call('GET', '/repo?page_num=1&page_size=1', {
    page_num: 3,
    create_sort: true,
  })

  expect(pages).toEqual({ query: ['b'], none: ['c', 'b', 'a'], beyond: [] })
  expect(fromBody.body.data).toMatchObject([{ repo_name: 'c' }])
})

test('more than 100 entries per page are 100', async () => {
  await using world = await openWorld()
  for (let number = 0; number < 101; number += 1) await create(world, `repo-${number}`)

  const { body } = await world.call('GET', '/repo?page_size=1000000000')

  expect(z.array(z.unknown()).parse(body.data)).toHaveLength(100)
  expect(body.total).toBe(101)
})

test.each([
  [{ sync_granularity: 3 }, 10007, 'sync_granularity: 1 表示仓库粒度的同步, 2 表示分支粒度的同步'],
  [{ sync_direction: 4 }, 10008, 'sync_direction: 1 表示内部仓库同步到外部, 2 表示外部仓库同步到内部'],
  [
    { sync_granularity: 'constructor' },
    10007,
    'sync_granularity: 1 表示仓库粒度的同步, 2 表示分支粒度的同步',
  ],
  [
    { sync_direction: '__proto__' },
    10008,
    'sync_direction: 1 表示内部仓库同步到外部, 2 表示外部仓库同步到内部',
  ],
  [{ repo_name: '' }, 10001, '仓库地址格式有误，请检查'],
  [{ internal_repo_address: '' }, 10001, '仓库地址格式有误，请检查'],
  [{ internal_repo_address: 'nonsense' }, 10001, '仓库地址格式有误，请检查'],
  [{ internal_repo_address: PAIR.external }, 10001, '仓库地址格式有误，请检查'],
  [{ inter_token: 'a\nb' }, 10001, '仓库地址格式有误，请检查'],
  [{ repo_name: 'known' }, 10002, '仓库已存在，请勿重复创建。如果同步方向不同，请更换易识别名称再次创建'],
])('binding a repository with %j is refused with %i', async (changes, code, msg) => {
  await using world = await openWorld()
  await create(world, 'known')

  const { status, body } = await create(world, 'app', changes)

  expect(status).toBe(200)
  expect(body).toEqual({
    code_status: code,
    data: null,
    total: null,
    msg,
    detail: twoLanguages,
    hint: code === 10007 || code === 10008 ? null : twoLanguages,
  })
})
