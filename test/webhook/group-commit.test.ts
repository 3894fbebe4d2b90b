import { expect, test } from 'vitest'
import { createGroupCommit } from '../../src/webhook/group-commit.ts'

test('callers of one turn share one commit, each with its own result', async () => {
  const groups: (readonly number[])[] = []
  const commit = createGroupCommit<number, string>((items) => {
    groups.push(items)
    return Promise.resolve(items.map((item) => `result ${item}`))
  }, 100)

  const results = await Promise.all([commit(1), commit(2), commit(3)])

  expect(results).toEqual(['result 1', 'result 2', 'result 3'])
  expect(groups).toEqual([[1, 2, 3]])
})

test('what arrives during a commit forms the next group', async () => {
  const groups: (readonly number[])[] = []
  const open = Promise.withResolvers<void>()
  const commit = createGroupCommit<number, number>(async (items) => {
    groups.push(items)
    await open.promise
    return items
  }, 2)
  const first = commit(1)
  await new Promise<void>((done) => setImmediate(done))

  const later = [commit(2), commit(3), commit(4)]
  open.resolve()
  await Promise.all([first, ...later])

  expect(groups).toEqual([[1], [2, 3], [4]])
})

test('one item that cannot be committed does not fail the others', async () => {
  const commit = createGroupCommit<number, number>(
    (items) => (items.includes(13) ? Promise.reject(new Error('13')) : Promise.resolve(items)),
    100,
  )

  const results = await Promise.allSettled([commit(1), commit(13), commit(2)])

  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})
