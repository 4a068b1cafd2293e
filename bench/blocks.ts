import type { Part } from './report.ts'

export const blocks: Part = { name: 'blocks', title: 'blocks', run: async () => {} }
