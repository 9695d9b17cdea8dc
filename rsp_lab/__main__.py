from rsp_lab.cli import main

main()
