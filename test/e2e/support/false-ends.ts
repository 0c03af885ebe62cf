// What might be taken for the end of the data and is not: only CRLF "." CRLF is (RFC 5321 §4.1.1.4).

export const falseEnds: readonly string[] = [
  "\n.\n",
  "\n.\r\n",
  "\r.\r",
  "\r.\n",
  "\r.\r\n",
  "\n.\r",
  "\r\n.\n",
  "\r\n.\r",
  "\r\n.\r\r\n",
  "\r\n.\n\r\n",
  "\r\n\0.\r\n",
  "\r\n.\0\r\n",
  "\r\n\0.\0\r\n",
  "\0.\0",
  "\r\n..\r\n",
  "\r\n. \r\n",
  "\r\n.\t\r\n",
  "\r\n .\r\n",
  // Line ends of other character sets, as octets: NEL, vertical tab, form feed, LINE SEPARATOR in UTF-8.
  "\x85.\x85",
  "\x0b.\x0b",
  "\x0c.\x0c",
  "\xe2\x80\xa8.\xe2\x80\xa8",
];
