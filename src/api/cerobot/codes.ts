// The documented numbers of this API and their texts. Those of a sync (2xxxx) belong to the run
// and come with it; what has no number of its own is 10000 + HTTP status.

const TEXTS = {
  10001: '仓库地址格式有误，请检查',
  10002: '仓库已存在，请勿重复创建。如果同步方向不同，请更换易识别名称再次创建',
  10003: '分支已存在，请勿重复绑定',
  10004: '仓库粒度同步，无需添加分支信息',
  10005: '分支信息获取为空',
  10006: '仓库/分支未启用同步，请检查更新同步启用状态',
  10007: 'sync_granularity: 1 表示仓库粒度的同步, 2 表示分支粒度的同步',
  10008: 'sync_direction: 1 表示内部仓库同步到外部, 2 表示外部仓库同步到内部',
  10010: '未查找到仓库',
  10011: '仓库粒度同步，没有分支可解绑',
  10012: '仓库中不存在此分支',
  10013: '没有数据',
  10014: '仓库粒度同步，没有分支信息',
  10101: '平台上没有该分支',
} as const

type Code = keyof typeof TEXTS

const CODE_BY_REASON: ReadonlyMap<string, Code> = new Map([
  ['binding_name', 10001],
  ['branch_name', 10001],
  ['token', 10001],
  ['binding_exists', 10002],
  ['branch_exists', 10003],
  ['whole_repository_add', 10004],
  ['no_branch_enabled', 10005],
  ['binding_disabled', 10006],
  ['branch_disabled', 10006],
  ['sync_granularity', 10007],
  ['sync_direction', 10008],
  ['binding_unknown', 10010],
  ['whole_repository_remove', 10011],
  ['branch_unknown', 10012],
  ['no_data', 10013],
  ['whole_repository_read', 10014],
  ['branch_not_at_forge', 10101],
])

type CodedText = { readonly code: number; readonly text: string }

/** The documented number for what a verb refused; undefined when there is none. */
export function codeOf(reason: string): CodedText | undefined {
  const code = reason.startsWith('address_') ? 10001 : CODE_BY_REASON.get(reason)
  return code === undefined ? undefined : { code, text: TEXTS[code] }
}
