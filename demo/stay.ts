import type { Place } from './journey.ts'
import type { Narrator } from './narrator.ts'
import type { Pair, World } from './world.ts'

// After the proof: the forges send their webhooks by themselves, and the user takes over.

/** From now on each push to one of the pairs, whoever makes it, leads to its webhooks at once. */
export async function watchPushes(world: World, narrator: Narrator, pairs: readonly Pair[]): Promise<void> {
  for (const place of pairs.flatMap(({ inner, outer }) => [inner, outer])) {
    // What was pushed until now has been told already.
    await place.forge.webhooks(place.repository)
    place.forge.onPush(place.repository, () => {
      announce(world, narrator, place).catch((error: unknown) =>
        narrator.say(`  a webhook could not be sent · 发送失败: ${String(error)}`),
      )
    })
  }
}

async function announce(world: World, narrator: Narrator, { forge, repository }: Place): Promise<void> {
  for (const { ref, after, request } of await forge.webhooks(repository)) {
    const { status, body } = await world.daemon.deliver(request, `/webhooks/${forge.kind}`)
    narrator.say(
      `  ${forge.kind} ${repository.name} ${ref} is ${after?.slice(0, 7) ?? 'gone'}`,
      `    webhook → ${status} ${JSON.stringify(body)}`,
    )
  }
}

/** What to try while the daemon runs, as commands to copy. */
export function describeStay(
  { folder, daemon, inner }: World,
  [app]: readonly [Pair, Pair],
): readonly string[] {
  const { url } = daemon
  return [
    '',
    `The daemon is running · 守护进程正在运行: ${url}`,
    `Everything is in · 所有数据位于: ${folder}`,
    '',
    'Push something yourself; the demo forges send their webhooks · 自己推送试试，webhook 会自动发送:',
    `  git clone '${inner.pushAddress(app.inner.repository)}' '${folder}/mine'`,
    `  cd '${folder}/mine' && git -c user.name=me -c user.email=me@example.org commit --allow-empty -m mine && git push`,
    '',
    'Look around · 查看:',
    `  curl '${url}/cerobot/sync/repo'                    # bindings · 绑定`,
    `  curl -X POST '${url}/cerobot/sync/repo/app'        # sync now · 手动同步`,
    `  curl '${url}/api/v1/runs'                          # what happened · 运行记录`,
    `  curl '${url}/api/v1/runs/1/log'                    # the log of a run · 日志`,
    `  curl '${url}/api/v1/deliveries/1'                  # a webhook as it arrived · 投递记录`,
    `  curl -X POST '${url}/api/v1/deliveries/1/replay'   # work on it again · 重放`,
    '',
    'Ctrl-C stops everything and removes the folder · 按 Ctrl-C 停止并清理',
  ]
}
