/**
 * Real keys, each down and up, as both WebDriver protocols take them (https://www.w3.org/TR/webdriver2/#keyboard-actions).
 *
 * @param {readonly string[]} keys
 */
export const keyActions = (keys) => [
  {
    type: 'key',
    id: 'keyboard',
    actions: keys.flatMap((value) => [
      { type: 'keyDown', value },
      { type: 'keyUp', value },
    ]),
  },
];
