import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { describeStay, watchPushes } from './stay.ts'
import { createNarrator } from './narrator.ts'
import { tellStory } from './story.ts'
import { startWorld } from './world.ts'

// `npm run demo`: the main job with real parts and no outside service. It starts two small forges and the
// daemon, shows a commit travelling each way, and stays until Ctrl-C; with `--once` it ends after the proof.

const INTERRUPTED = 130

const stopped = new AbortController()
// npm passes on a signal that the terminal has sent already, so the second one means nothing.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopped.abort())
// Nobody reads any more, as in `npm run demo | head`: what was started must still be stopped.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stopped.abort())

try {
  const { values } = parseArgs({ options: { once: { type: 'boolean', default: false } } })
  await run(values.once)
} catch (error) {
  if (stopped.signal.aborted) {
    console.error('Stopped before the end; everything was removed. · 演示中断，已全部清理。')
    process.exitCode = INTERRUPTED
  } else {
    console.error(`\nThe demo failed · 演示失败: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}

async function run(isOnce: boolean): Promise<void> {
  const { signal } = stopped
  const narrator = createNarrator(signal)
  narrator.say('', 'reposync demo · 演示', '')
  {
    await using world = await narrator.step(
      'start the daemon on SQLite and two git servers with passwords',
      '启动守护进程（SQLite）和两个需要密码的 git 服务器',
      async (show) => {
        const started = await startWorld()
        show(`inner forge 内部   ${started.inner.origin} (speaks like Gitea)`)
        show(`outer forge 外部   ${started.outer.origin} (speaks like GitHub)`)
        show(`reposync           ${started.daemon.url}`)
        return started
      },
    )
    const pairs = await tellStory(world, narrator)
    if (isOnce) return
    await watchPushes(world, narrator, pairs)
    narrator.say(...describeStay(world, pairs))
    if (!signal.aborted) await once(signal, 'abort')
    narrator.say('', 'stopping · 正在停止')
  }
  narrator.say('stopped, and nothing is left behind · 已停止并清理')
}
