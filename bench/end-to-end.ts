import type { Part } from './report.ts'

export const endToEnd: Part = { name: 'end-to-end', title: 'end-to-end', run: async () => {} }
